"""Is a mark there in videos, what takes it out, whom does it accuse, and what does it cost.

The questions, and how they are counted, are those of `detectors.provenance.image.detection`: a video has one p-value,
however many frames it has, and is one item.
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

__all__ = ["VIDEO_MARK_MEASURES", "video_mark_detection"]

VIDEO_MARK_MEASURES = (
    "detection_rate", "worst_power_under_attack", "false_positive_rate", "own_false_positive_rate", "other_key_rate",
    "psnr", "cells_below_promise", "not_tested", "power_under_attack",
)


def video_mark_detection(
    outputs: pd.DataFrame, unmarked: pd.DataFrame | None, *, alpha: float, promise: Promise, level: float,
    rng: np.random.Generator, remarks: Sequence[Remark] = (),
) -> Result:
    """Return `VIDEO_MARK_MEASURES`, some of them by p-value or attack too.

    outputs, one row per video: `p_value`, `other_p_values` (list, one a key that was not put in), and where there are
    originals `plain_p_value` (under the key), `psnr`. Where it was attacked, the lists of `under_attack.attack_cells`.
    `unit` names the independent unit. unmarked, one row per video that is known to be without the mark: `p_value`,
    `other_p_values`, `unit`.

    `items` has the rows with `value` (found 1, not 0), `against`, `weight` (p); `table` those of the unmarked videos.
    """
    return _VideoJudge(outputs, unmarked, alpha, promise, level, rng).of_files(remarks)


class _VideoJudge(MarkJudge):
    unread: ClassVar[Cause] = Cause("in no video is there anything to read")
    unchanged: ClassVar[Cause] = Cause("no video was changed by it")
    no_clean: ClassVar[Cause] = Cause("the plan gives no videos that are known to be without the mark")
    no_originals: ClassVar[Cause] = Cause("there are no originals beside the marked videos")
    no_keys: ClassVar[Cause] = Cause("no video was read under another key")
    costs: ClassVar[Sequence[tuple[str, str]]] = (("psnr", "dB"),)
