"""Trials of `provenance.video_mark`, see `bit_trials`: videos of two frames, alike but for their lowest bits."""

from __future__ import annotations

import base64
import io
from functools import cache
from typing import TYPE_CHECKING, Any

from audit.probes.provenance.bit_trials import SIZE, Planted, bit_trials

if TYPE_CHECKING:
    import numpy as np

    from audit.probe import Trial
    from audit.probes.provenance.bit_trials import Bits

__all__ = ["video_mark_trials"]

_SIDE, _GREY = 16, 100


def video_mark_trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return the trials."""
    return bit_trials(probe, Planted("video-lowest-bit", _file, _bits_of, "trim at 0.5", "psnr", _psnr), rng)


def _bits_of(key: bytes) -> Bits:
    import numpy as np

    from audit.watermarks.video import bits_of_frame

    return np.concatenate([bits_of_frame(key, number, _SIDE**2) for number in range(SIZE // _SIDE**2)])


def _psnr(before: Bits, made: Bits) -> float:
    import numpy as np

    return float(-10 * np.log10((before != made).mean() / 255**2))


def _file(bits: Bits) -> str:
    """Return a file in base64 whose two frames, as numbers one after the other, have these bits."""
    import numpy as np

    first, second = (_GREY + bits.astype(np.uint8)).reshape(2, -1)
    made = _empty()
    for number, numbers in enumerate((first, second)):
        made = made.replace(_plain(number), numbers.tobytes(), 1)
    return base64.b64encode(made).decode()


@cache
def _plain(number: int) -> bytes:
    """Return the numbers of a frame in a file that is not filled yet; none of them is a grey of the trials."""
    return bytes((number + 2 * at) % 64 + 2 for at in range(_SIDE**2))


@cache
def _empty() -> bytes:
    """Return a file of two frames whose numbers stand in it as they are. Raises LibraryError."""
    import numpy as np

    from audit.watermarks.video.files import require_av

    library, made = require_av(), io.BytesIO()
    with library.open(made, "w", format="matroska") as file:
        stream = file.add_stream("rawvideo", rate=25)
        stream.height, stream.width, stream.pix_fmt = _SIDE, _SIDE, "gray"
        for number in range(2):
            numbers = np.frombuffer(_plain(number), np.uint8).reshape(_SIDE, _SIDE)
            file.mux(stream.encode(library.VideoFrame.from_ndarray(numbers, "gray")))
        file.mux(stream.encode())
    return made.getvalue()
