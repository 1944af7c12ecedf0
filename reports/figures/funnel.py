"""An audit as a funnel: how many checks are left after each step, from what was asked to what still fails.

    asked 14 | measured 12 | decided 9 | failed 3 | waived 1 | still failed 2

A bar that people took away (`Step.lifted`) hangs hollow over what is left.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from detectors.immutable import immutable
from reports.figures.shapes import joined, words_at
from reports.figures.style import PALETTE, svg

__all__ = ["Step", "funnel_chart"]

STRIDE, WIDE, TALL, TOP = 74, 44, 50, 18
"""From bar to bar, width of one, height of the first, and the room over it for its number; in pixels."""


@immutable
class Step:
    """One bar."""

    label: str
    count: int
    colour: str = "measured"
    lifted: int = 0
    """Checks of the bar after it, over which it hangs; 0 = it stands."""
    hollow: bool = False


def funnel_chart(steps: Sequence[Step], title: str, description: str) -> Markup:
    """Return the bars from left to right; each as high as its count is beside that of the first."""
    most = max(1, *(one.count + one.lifted for one in steps))
    parts = [_joint(steps, at, most) for at in range(len(steps) - 1)]
    parts += [_bar(one, at, most) for at, one in enumerate(steps)]
    return svg(STRIDE * len(steps), TOP + TALL + 22, title, description, joined(parts), "funnel")


def _bar(step: Step, at: int, most: int) -> Markup:
    x, middle = STRIDE * at + (STRIDE - WIDE) / 2, STRIDE * (at + 0.5)
    height, base = TALL * step.count / most, TOP + TALL - TALL * step.lifted / most
    colour = PALETTE[step.colour]
    box = Markup('<rect x="{:.1f}" y="{:.1f}" width="{}" height="{:.1f}" fill="{}" stroke="{}"{}/>').format(
        x, base - max(height, 1), WIDE, max(height, 1), PALETTE["paper"] if step.hollow else colour, colour,
        Markup(' stroke-dasharray="3 2"') if step.hollow else "",
    )
    number = words_at(middle, base - max(height, 1) - 5, f"{step.count:,}", anchor="middle", size=13, bold=True)
    label = words_at(middle, TOP + TALL + 16, step.label, anchor="middle", size=11, colour="skipped")
    return (Markup("") if step.hollow and not step.count else box) + number + label


def _joint(steps: Sequence[Step], at: int, most: int) -> Markup:
    """Draw what leads from one bar to the next: from its height to the other's."""
    here, there = steps[at], steps[at + 1]
    if here.hollow:
        return Markup("")
    left, right = STRIDE * at + (STRIDE + WIDE) / 2, STRIDE * (at + 1) + (STRIDE - WIDE) / 2
    start, end = (TOP + TALL - TALL * (one.count + one.lifted) / most for one in (here, there))
    return Markup('<path d="M{:.1f} {:.1f}L{:.1f} {:.1f}V{}H{:.1f}z" fill="{}"/>').format(
        left, start, right, end, TOP + TALL, left, PALETTE["grid"]
    )
