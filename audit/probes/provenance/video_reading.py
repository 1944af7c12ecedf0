"""Videos in audits of marks: the brightness of their frames, marked, attacked, and read under keys.

Attacks ask for frames that are all there, so that an audit reads the first ones of a video alone, as many as its plan
says.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from audit.errors import DataError, UsageError
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit.watermarks.video import VideoMark
    from detectors.provenance.image.bits import Evidence
    from detectors.provenance.video.reading import Frame

__all__ = ["Clip", "Videos"]

_MOST = 1 << 28
"""Numbers of the frames that are read, 4 bytes each."""
_LEVELS = 255


@immutable
class Clip:
    """The first frames of a video."""

    shown: NDArray[np.float32]
    """Brightness [frame, row, column], 0 to 1."""
    keys: Sequence[bool]
    """Which of them are key frames."""
    steps: int = _LEVELS
    """From black to white."""

    def frames(self) -> Iterator[Frame]:
        """Yield the frames, as if there were 25 a second."""
        from detectors.provenance.video.reading import Frame

        for at, (one, key) in enumerate(zip(self.shown, self.keys, strict=True)):
            yield Frame(one, at / 25, key, self.steps)


@immutable
class Videos:
    """Videos, of which the first frames are read."""

    most: int
    """How many frames."""

    what: ClassVar[str] = "videos"
    size: ClassVar[str] = "video_frames"
    costs: ClassVar[Sequence[str]] = ("psnr",)

    def attacks(self) -> tuple[Mapping[str, Sequence[float]], Mapping[str, tuple[float, float]]]:
        """Return the built-in attacks with their strengths, and the least and greatest strength of each."""
        from detectors.provenance.video.attacks import ATTACKS, STRENGTHS

        return ATTACKS, STRENGTHS

    def decoded(self, data: bytes, name: str) -> Clip:
        """Return the first frames in a file; raises DataError for what is no video, or too large a one."""
        import numpy as np

        from audit.watermarks.video.files import frames_of

        kept, keys, steps = list[Any](), list[bool](), _LEVELS
        for frame in islice(frames_of(io.BytesIO(data), name), self.most):
            if (len(kept) + 1) * frame.brightness.size > _MOST:
                raise DataError("{file}: more than {count} numbers in the frames that are read; allowed: fewer frames",
                                file=name, count=f"{_MOST:,}")  # fmt: skip
            kept.append(np.asarray(frame.brightness, dtype=np.float32))
            keys.append(frame.key)
            steps = frame.steps
        return Clip(np.array(kept), keys, steps)

    def length(self, one: Clip) -> float:
        """Return the number of frames that are read."""
        return float(len(one.shown))

    def read(self, mark: VideoMark, one: Clip, keys: Sequence[bytes]) -> list[Evidence]:
        """Return what each key reads in a video."""
        return mark.read(one.frames(), keys)

    def marked(self, mark: Any, one: Clip, key: bytes) -> Clip:
        """Return a video with the mark, in whole steps; raises UsageError."""
        import numpy as np

        from audit.watermarks.video import MarksVideo

        if not isinstance(mark, MarksVideo):
            raise UsageError("{mark} is not put into videos that are there; allowed: videos given", mark=mark.variant)
        made = np.stack([
            np.rint(one.steps * (plane + mark.change(plane, key, levels=one.steps, number=number)))
            for number, plane in enumerate(one.shown)
        ])  # fmt: skip
        return Clip(np.asarray(np.clip(made / one.steps, 0, 1), dtype=np.float32), one.keys, one.steps)

    def attacked(self, kind: str, one: Clip, strength: float, rng: np.random.Generator) -> tuple[Clip, bool]:
        """Return a video after an attack, whose first frame is a key frame, and whether that changed anything."""
        import numpy as np

        from detectors.provenance.video.attacks import attacked

        changed = attacked(kind, one.shown, strength, rng)
        keys = [True] + [False] * (len(changed) - 1)
        return Clip(changed, keys), not np.array_equal(changed, one.shown)

    def quality(self, original: Clip, one: Clip) -> dict[str, float | None]:
        """Return how far a video is from its original, in dB; nothing of two sizes or lengths."""
        from detectors.provenance.image.quality import psnr

        same = original.shown.shape == one.shown.shape
        return {"psnr": psnr(original.shown, one.shown) if same else None}
