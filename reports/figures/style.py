"""Colours and the frame of every figure."""

from __future__ import annotations

from markupsafe import Markup

__all__ = ["PALETTE", "svg"]

PALETTE = {
    "failed": "#b3400f",
    "crashed": "#8b2f7b",
    "inconclusive": "#8a6100",
    "skipped": "#5f6b76",
    "passed": "#0a6390",
    "measured": "#3f4b57",
    "ink": "#1d252c",
    "grid": "#e3e7ea",
    "outside": "#f8ece6",
    "paper": "#ffffff",
}
"""Blue for what holds, vermilion for what does not, ochre for what is not decided; each at least 4.5:1 on white.

Vermilion and ochre are one colour to many, so what is not decided is drawn hollow or hatched, wherever it stands."""


def svg(width: float, height: float, title: str, description: str, body: Markup, kind: str = "line") -> Markup:
    """Return a figure with its title and description, for those who see it and those who hear it read."""
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" width="{}" height="{}" role="img">'
        "<title>{}</title><desc>{}</desc>{}</svg>"
    ).format(kind, width, height, width, height, title, description, body)
