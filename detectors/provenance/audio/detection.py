"""Is a mark there in sounds, what takes it out, whom does it accuse, and what does it cost.

The questions, and how they are counted, are those of `detectors.provenance.image.detection`; what a mark costs is told
in decibels below the sound, over all of it and by segments (`detectors.provenance.audio.quality`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd

from detectors.phrases import Cause
from detectors.provenance.image.detection import MarkJudge
from detectors.provenance.under_attack import Promise
from detectors.result import Remark, Result

__all__ = ["AUDIO_MARK_MEASURES", "audio_mark_detection"]

AUDIO_MARK_MEASURES = (
    "detection_rate", "worst_power_under_attack", "false_positive_rate", "own_false_positive_rate", "other_key_rate",
    "snr", "segmental_snr", "cells_below_promise", "not_tested", "power_under_attack",
)


def audio_mark_detection(
    outputs: pd.DataFrame, unmarked: pd.DataFrame | None, *, alpha: float, promise: Promise, level: float,
    rng: np.random.Generator, remarks: Sequence[Remark] = (),
) -> Result:
    """Return `AUDIO_MARK_MEASURES`, some of them by p-value or attack too.

    outputs, one row per sound: `p_value`, `other_p_values` (list, one a key that was not put in), and where there are
    originals `plain_p_value` (under the key), `snr`, `segmental_snr`. Where it was attacked, the lists of
    `under_attack.attack_cells`. `unit` names the independent unit. unmarked, one row per sound that is known to be
    without the mark: `p_value`, `other_p_values`, `unit`.

    `items` has the rows with `value` (found 1, not 0), `against`, `weight` (p); `table` those of the unmarked sounds.
    """
    return _SoundJudge(outputs, unmarked, alpha, promise, level, rng).of_files(remarks)


class _SoundJudge(MarkJudge):
    unread: ClassVar[Cause] = Cause("in no sound is there anything to read")
    unchanged: ClassVar[Cause] = Cause("no sound was changed by it")
    no_clean: ClassVar[Cause] = Cause("the plan gives no sounds that are known to be without the mark")
    no_originals: ClassVar[Cause] = Cause("there are no originals beside the marked sounds")
    no_keys: ClassVar[Cause] = Cause("no sound was read under another key")
    costs: ClassVar[Sequence[tuple[str, str]]] = (("snr", "dB"), ("segmental_snr", "dB"))
