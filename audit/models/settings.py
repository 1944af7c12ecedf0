"""Options that several doors to image models share."""

from __future__ import annotations

from audit.data import MAX_PIXELS

__all__ = ["check_image_size"]


def check_image_size(size: tuple[int, int] | None) -> None:
    """Raise ValueError for (rows, columns) that no image has."""
    if size is not None and not (min(size) >= 1 and size[0] * size[1] <= MAX_PIXELS):
        raise ValueError(f"size is {size[0]} x {size[1]}; allowed: 1 and more, {MAX_PIXELS:,} pixels in all")
