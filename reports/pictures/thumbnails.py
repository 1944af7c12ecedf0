"""A finding's picture, small: what stands in its focus, without the words in it, which nobody could read at that size.

    thumbnail(picture) -> svg      what it says to those who cannot see it stays
"""

from __future__ import annotations

import re

from markupsafe import Markup

from reports.pictures.finding_figure import Picture

__all__ = ["thumbnail"]

WIDTH, HEIGHT = 132, 60
"""Of every thumbnail, in pixels."""
_SVG = re.compile(r'<svg class="picture" viewBox="0 0 \d+ (\d+)" width="\d+" height="\d+"')
_WORDS = re.compile(r"<text .*?</text>", re.DOTALL)


def thumbnail(picture: Picture) -> Markup:
    """Return the picture as a small `svg` in the shape that all have: one of images cut at its foot, others pressed."""
    (left, wide), drawing = picture.focus, str(picture.drawing)
    is_cut = "<image " in drawing

    def opened(found: re.Match[str]) -> str:
        height = f"{wide * HEIGHT / WIDTH:.0f}" if is_cut else found[1]
        room, fit = f"{left:g} 0 {wide:g} {height}", "" if is_cut else ' preserveAspectRatio="none"'
        return f'<svg class="thumb" viewBox="{room}" width="{WIDTH}" height="{HEIGHT}"{fit}'

    return Markup(_WORDS.sub("", _SVG.sub(opened, drawing, count=1)))  # noqa: S704 - it is markup of ours, as before
