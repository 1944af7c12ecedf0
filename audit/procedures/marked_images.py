"""Draws of images with a mark in the noise that they begin with: what `sample` draws, but for who chose the noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit import plugins
from audit.model import CanStart
from audit.procedure import Procedure
from detectors.phrases import Cause

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROCEDURE", "marked_images"]


def marked_images(
    model: CanStart, prompts: Sequence[None], *, mark: Mapping[str, Any], key: str, seed: int,
    numbers: Sequence[int], **sampling: Any,
) -> pd.DataFrame:
    """Return a draw per prompt, which is None, in the columns `content` and `problem`; `numbers` say which each is.

    `mark` holds the options of a mark in starting noise and its name at `use`; `key` is in hexadecimal digits.
    """
    import pandas as pd

    options = dict(mark)
    made = plugins.build("image_marks", options.pop("use"), options)
    noise = made.begun(model.noise_shape, bytes.fromhex(key), seed=seed, numbers=numbers)
    drawn = model.sample_from(noise, seed=seed, numbers=numbers, **sampling)
    return pd.DataFrame({"content": [one.content.tolist() for one in drawn], "problem": [one.problem for one in drawn]})


PROCEDURE = Procedure(
    marked_images, needs=(CanStart,), random=True, numbered=True,
    lacking=Cause("it does not begin with noise that can be put in and found again"),
)
