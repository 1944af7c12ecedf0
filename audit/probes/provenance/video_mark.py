"""Do videos carry the mark of a key, what takes it out, whom does it accuse, and what does it cost?

    videos given    the items carry the mark, as its maker claims        data: items, originals, unmarked
    videos marked   the audit puts the mark into the items itself: what it would do, before they are coded

The items are files of outputs (`{use: files, path: ./outputs}`), `unmarked` films that people made, for instance. The
mark is one of `dokimasia.video_marks`. A video is one item with one p-value, however many frames it has. A mark that is
missing says nothing of who made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.probe import COUNT, SHARE, Observed, Range, Role
from audit.probes.provenance.filed_marks import FileMarkProbe
from audit.probes.provenance.video_reading import Videos
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["MarkedVideos"]

_FILE = "bytes of a video file in base64, as the source `files` gives them"
_UNIT = "independent unit, e.g. the film that it was cut from; absent = every video is its own"
_NAME = "file name, by which originals go with marked videos; absent = they go by id"


@immutable
class MarkedVideos(FileMarkProbe):
    """Share of videos that carry a keyed mark, after attacks too, beside false alarms and what it costs."""

    videos: Literal["given", "marked"] = "given"
    """Whose videos: `given` carry the mark, `marked` the audit puts it into."""
    mark: Mapping[str, Any] = field(default_factory=dict, metadata={"part": "video_marks"})
    """The mark: its name at `use`, its options beside it; absent = `video-spread`."""
    key: str = "dokimasia"
    """The key, which stands in the record. `0x` before it: hexadecimal digits."""
    key_file: Path | None = None
    """Key file of a mark (`dokimasia mark key`), where it is secret: items hold its id, variant and commitment."""
    alpha: float = 1e-6
    """A video is found where its p-value is at most this."""
    attacks: Sequence[str] = ()
    """Attacks that videos are read after, such as `h264 at 23`; `all` stands for the built-in ones."""
    other_keys: int = 1
    """Keys that were not put in under which each video is read: how far false alarms can be counted."""
    promise_power: float = 0.95
    """Share of the videos that shall be found after every attack."""
    promise_alpha: float = 1e-6
    """P-value at which they shall be found."""
    frames: int = 64
    """At most so many frames of each video are read, from its beginning; attacks hold them all in memory."""

    kind: ClassVar[str] = "video_marks"
    usual: ClassVar[str] = "video-spread"
    name: ClassVar[str] = "provenance.video_mark"
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
        "own_false_positive_rate": SHARE, "other_key_rate": SHARE, "psnr": Range("dB", 0), "cells_below_promise": COUNT,
        "not_tested": COUNT, "power_under_attack": SHARE,
    }

    def __post_init__(self) -> None:
        """Refuse options that could find nothing."""
        self._refuse(("frames", self.frames >= 1, "1 or more"))
        _ = self.attacked

    @property
    def medium(self) -> Videos:
        """What the files hold."""
        return Videos(self.frames)

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.provenance.video.detection`."""
        from detectors.provenance.video.detection import video_mark_detection

        return self._judged(video_mark_detection, observed, level, rng)

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return videos that hold a mark by a hair, or do not; see `audit.probes.provenance.video_mark_trials`."""
        from audit.probes.provenance.video_mark_trials import video_mark_trials

        return video_mark_trials(self, rng)
