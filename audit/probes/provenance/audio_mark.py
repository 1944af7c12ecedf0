"""Do sounds carry the mark of a key, what takes it out, whom does it accuse, and what does it cost?

    sounds given    the items carry the mark, as its maker claims        data: items, originals, unmarked
    sounds marked   the audit puts the mark into the items itself: what it would do

The items are files of outputs (`{use: files, path: ./outputs}`), `unmarked` recordings of people, for instance. The
mark is one of `dokimasia.audio_marks`. One that is missing says nothing of who made a sound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.probe import COUNT, SHARE, Observed, Range, Role
from audit.probes.provenance.audio_reading import Sounds
from audit.probes.provenance.filed_marks import FileMarkProbe
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["MarkedSounds"]

_FILE = "bytes of a sound file in base64, as the source `files` gives them"
_UNIT = "independent unit, e.g. the voice or the piece; absent = every sound is its own"
_NAME = "file name, by which originals go with marked sounds; absent = they go by id"


@immutable
class MarkedSounds(FileMarkProbe):
    """Share of sounds that carry a keyed mark, after attacks too, beside false alarms and what it costs."""

    sounds: Literal["given", "marked"] = "given"
    """Whose sounds: `given` carry the mark, `marked` the audit puts it into."""
    mark: Mapping[str, Any] = field(default_factory=dict, metadata={"part": "audio_marks"})
    """The mark: its name at `use`, its options beside it; absent = `audio-spread`."""
    key: str = "dokimasia"
    """The key, which stands in the record. `0x` before it: hexadecimal digits."""
    key_file: Path | None = None
    """Key file of a mark (`dokimasia mark key`), where it is secret: items hold its id, variant and commitment."""
    alpha: float = 1e-6
    """A sound is found where its p-value is at most this."""
    attacks: Sequence[str] = ()
    """Attacks that sounds are read after, such as `mp3 at 64`; `all` stands for the built-in ones."""
    other_keys: int = 1
    """Keys that were not put in under which each sound is read: how far false alarms can be counted."""
    promise_power: float = 0.95
    """Share of the sounds that shall be found after every attack."""
    promise_alpha: float = 1e-6
    """P-value at which they shall be found."""

    kind: ClassVar[str] = "audio_marks"
    usual: ClassVar[str] = "audio-spread"
    name: ClassVar[str] = "provenance.audio_mark"
    dimension: ClassVar[str] = "provenance"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role({"file": _FILE, "name": _NAME, "unit": _UNIT}, optional=frozenset({"name", "unit"})),
        "originals": Role({"file": f"{_FILE}, before it was marked", "name": _NAME}, optional=frozenset({"name"}),
                          required=False),
        "unmarked": Role({"file": f"{_FILE}, known to be without the mark", "unit": _UNIT},
                         optional=frozenset({"unit"}), required=False),
    }  # fmt: skip
    measures: ClassVar[Mapping[str, Range]] = {
        "detection_rate": SHARE, "worst_power_under_attack": SHARE, "false_positive_rate": SHARE,
        "own_false_positive_rate": SHARE, "other_key_rate": SHARE, "snr": Range("dB"),
        "segmental_snr": Range("dB", -10, 35), "cells_below_promise": COUNT, "not_tested": COUNT,
        "power_under_attack": SHARE,
    }

    def __post_init__(self) -> None:
        """Refuse options that could find nothing."""
        self._refuse()
        _ = self.attacked

    @property
    def medium(self) -> Sounds:
        """What the files hold."""
        return Sounds()

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.provenance.audio.detection`."""
        from detectors.provenance.audio.detection import audio_mark_detection

        return self._judged(audio_mark_detection, observed, level, rng)

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return sounds that hold a mark by a hair, or do not; see `audit.probes.provenance.audio_mark_trials`."""
        from audit.probes.provenance.audio_mark_trials import audio_mark_trials

        return audio_mark_trials(self, rng)
