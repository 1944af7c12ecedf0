"""Generated images by prompt and class: how often each class is drawn for a prompt, and what its images look like.

row         a prompt, the farthest from its reference first; all prompts together above them
column      a class: bar = share, whisker = interval, black line = the share it is held against; first images below
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from detectors.immutable import immutable
from reports.figures import bar, cut, joined, line, placed, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import Hotspot

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["by_prompt"]

_PROMPTS, _CLASSES, _IMAGES = 12, 5, 96
"""The most that are drawn."""
_LABEL, _SIZE, _GAP = 170, 34, 3
_BAR, _ROW = 16, 70
"""Height of a bar's band, and of a row with its images."""
_HEAD = 22
_NEEDED = ("prompt", "class", "share", "low", "high", "reference", "images")


@immutable
class _Cell:
    """The share of a class among the images of a prompt."""

    share: float
    low: float
    high: float
    reference: float

    @property
    def off(self) -> bool:
        """Whether the whole interval lies beside what the share should be."""
        return self.high < self.reference or self.low > self.reference


def by_prompt(shown: Shown) -> Picture | None:
    """Draw the shares and first images by prompt and class; None where the table has no shares."""
    if shown.table is None or not set(_NEEDED) <= set(shown.table.columns):
        return None
    table = shown.table.table(list(_NEEDED)).to_pandas().dropna(subset=["share", "low", "high"])
    if table.empty:
        return None
    classes = _classes(table)
    prompts = _prompts(table)
    pictures = _pictures(shown, prompts, classes)
    wide = (WIDTH - _LABEL) / len(classes)
    words = shown.notation.words
    parts = [
        words_at(_LABEL + k * wide, 14, cut(words.term("group", name), words, int(wide / 8)), bold=True, size=13)
        for k, name in enumerate(classes)
    ]
    rows: list[tuple[str | None, int]] = [(None, _HEAD), *((one, 0) for one in prompts)]
    rows = [(name, _HEAD + at * _ROW) for at, (name, _) in enumerate(rows)]
    for name, top in rows:
        cells = _cells(shown, table, name, classes)
        parts.append(_label(shown, table, name, top))
        for k, kind in enumerate(classes):
            if kind in cells:
                parts.append(_column(shown, cells[kind], pictures.get((name, kind), []), _LABEL + k * wide, top, wide))
    caption = words("picture.prompts_caption", count=int(table.drop_duplicates("prompt")["images"].sum()))
    left_out = table["prompt"].nunique() - len(prompts) + table["class"].nunique() - len(classes)
    if left_out:
        caption = words("picture.prompts_more", text=caption, count=left_out)
    hotspots = _hotspots(shown, rows, classes, wide)
    return pictured(shown, _HEAD + len(rows) * _ROW, _message(shown, table), caption, joined(parts), hotspots=hotspots)


def _hotspots(shown: Shown, rows: list[tuple[str | None, int]], classes: list[str], wide: float) -> list[Hotspot]:
    """Return a part for each prompt and class of which there are images."""
    if shown.items is None or not {"prompt", "class"} <= set(shown.columns):
        return []
    frame = shown.frame("prompt", "class").astype("string").dropna()
    there = set(frame.itertuples(index=False, name=None))
    known = {kind for _, kind in there}
    return [
        Hotspot(
            (_LABEL + k * wide, top, wide - 4, _ROW - 4), ((("prompt", name),) if name else ()) + (("class", kind),)
        )
        for name, top in rows for k, kind in enumerate(classes)
        if (kind in known if name is None else (name, kind) in there)
    ]


def _classes(table: pd.DataFrame) -> list[str]:
    """Return the classes to draw in the table's order: those that stand farthest off for any prompt."""
    far = (table["share"] - table["reference"]).abs().groupby(table["class"]).max().nlargest(_CLASSES).index
    return [name for name in dict.fromkeys(table["class"]) if name in far]


def _prompts(table: pd.DataFrame) -> list[str]:
    """Return the prompts to draw, the farthest from their reference first."""
    far = (table["share"] - table["reference"]).abs().groupby(table["prompt"], sort=False).sum()
    return [str(one) for one in far.sort_values(ascending=False, kind="stable").index[:_PROMPTS]]


def _pictures(shown: Shown, prompts: list[str], classes: list[str]) -> dict[tuple[str | None, str], list[Any]]:
    """Return (prompt, class) -> its first images."""
    if shown.items is None or not {"image", "prompt", "class"} <= set(shown.columns):
        return {}
    frame = shown.frame("prompt", "class").astype("string").reset_index(drop=True)
    room = int(((WIDTH - _LABEL) / len(classes) - 12) // (_SIZE + _GAP))
    most = max(1, min(room, _IMAGES // (len(prompts) * len(classes))))
    kept = frame[frame["prompt"].isin(prompts) & frame["class"].isin(classes)]
    first = kept.groupby(["prompt", "class"], sort=False).head(most)
    cells = shown.items.rows(first.index.tolist())["image"].to_pylist()
    found: dict[tuple[str | None, str], list[Any]] = {}
    for (prompt, kind), cell in zip(first.itertuples(index=False), cells, strict=True):
        found.setdefault((str(prompt), str(kind)), []).append(_small(cell))
    return found


def _small(image: Any) -> Any:
    """Return every so manyth pixel of an image [channel, row, column] that is larger than it is drawn."""
    import numpy as np

    try:
        pixels = np.array(image, dtype=float)
    except (TypeError, ValueError):
        return None
    step = -(-max(pixels.shape) // _SIZE)
    return pixels[..., ::step, ::step] if pixels.ndim > 1 else None


def _cells(shown: Shown, table: pd.DataFrame, name: str | None, classes: list[str]) -> dict[str, _Cell]:
    """Return the share of each class for a prompt, or among all images."""
    if name is not None:
        rows = table[table["prompt"] == name]
        return {str(row["class"]): _Cell(*(float(row[key]) for key in ("share", "low", "high", "reference")))
                for row in rows.to_dict("records")}  # fmt: skip
    groups = shown.of_groups("share") or shown.of_groups("share_given")
    found = {}
    for kind in classes:
        if (one := groups.get(kind)) is not None and one.value is not None:
            low, high, wanted = (one.value if end is None else end for end in (one.low, one.high, one.ideal))
            found[kind] = _Cell(one.value, low, high, wanted)
    return found


def _label(shown: Shown, table: pd.DataFrame, name: str | None, top: float) -> Markup:
    words = shown.notation.words
    images = table.drop_duplicates("prompt").set_index("prompt")["images"]
    count = int(images.sum() if name is None else images[name])
    text = words("picture.prompts_all") if name is None else name
    return joined((
        words_at(0, top + 12, cut(text, words, 24), bold=name is None, size=12),
        words_at(0, top + 28, words("picture.prompts_images", count=count), size=11, colour="skipped"),
    ))  # fmt: skip


def _column(shown: Shown, cell: _Cell, pictures: list[Any], left: float, top: float, wide: float) -> Markup:
    room = wide - 64
    colour = "failed" if cell.off else "passed"
    share, low, high, wanted = (left + room * one for one in (cell.share, cell.low, cell.high, cell.reference))
    parts = [
        line(left, top + _BAR, left + room, top + _BAR, "grid"),
        bar(left, top + 3, share - left, _BAR - 6, colour),
        line(low, top + _BAR / 2, high, top + _BAR / 2, "ink"),
        line(wanted, top, wanted, top + _BAR, "ink", width=2),
        words_at(left + room + 6, top + 12, shown.notation.number(cell.share, "share"), size=11,
                 colour=colour if cell.off else "skipped"),
    ]  # fmt: skip
    step = _SIZE + _GAP
    found = (placed("image", one, left + at * step, top + _BAR + 6, _SIZE) for at, one in enumerate(pictures))
    return joined([*parts, *(one for one in found if one is not None)])


def _message(shown: Shown, table: pd.DataFrame) -> str:
    words = shown.notation.words
    off = table[(table["high"] < table["reference"]) | (table["low"] > table["reference"])]
    names = [cut(str(one), words, 60) for one in dict.fromkeys(off["prompt"])]
    told = words("format.list").join(names[:12]) or words("picture.none")
    return words("picture.prompts", prompts=told)
