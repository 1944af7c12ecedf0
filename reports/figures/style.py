"""Colours of both themes, and the frame of every figure.

Figures are drawn in the light theme's colours, so that paper, a notebook and a mail show them as they are. A page
that follows its reader's theme says so in its style: `css` names each colour as a variable, and `recoloured` gives a
figure's strokes and fills the same part's colour in the dark theme.

    tests/test_reports_figures.py measures the verdicts' colours: contrast on their paper, and CIEDE2000 between them
    for full colour sight, protanopia and deuteranopia (Machado et al. 2009)
"""

from __future__ import annotations

from markupsafe import Markup, escape

from reports.text import FACE

__all__ = ["DARK", "FONT", "MONO", "PALETTE", "Form", "css", "recoloured", "svg"]

PALETTE = {
    "failed": "#9c1f1a",
    "crashed": "#591d7e",
    "inconclusive": "#986700",
    "skipped": "#66717b",
    "passed": "#1b68ab",
    "measured": "#212d37",
    "ink": "#1d252c",
    "grid": "#e3e7ea",
    "outside": "#f3dcd6",
    "paper": "#ffffff",
    "soft": "#55616b",
    "line": "#e1e6ea",
    "edge": "#c8d0d6",
    "fill": "#f6f8f9",
    "tint": "#fbf4f0",
}
"""Blue for what holds, red for what does not, ochre for what is not decided, and the shades of a page about them.

What is not decided is drawn hollow or hatched besides, wherever it stands."""

DARK = {
    "failed": "#e0705a",
    "crashed": "#b77fc9",
    "inconclusive": "#f2c063",
    "skipped": "#959fa8",
    "passed": "#8cc4f0",
    "measured": "#c9d1d8",
    "ink": "#e6eaee",
    "grid": "#313a42",
    "outside": "#4a2823",
    "paper": "#14191e",
    "soft": "#a9b3bb",
    "line": "#2d363e",
    "edge": "#4d5963",
    "fill": "#1c2329",
    "tint": "#2c1e1b",
}
"""The same parts where the reader wants a dark page."""

FONT = (
    f'"Noto Sans KR", "Noto Sans CJK KR", "{FACE}", "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans", '
    '"Liberation Sans", NanumGothic, "DejaVu Sans", sans-serif'
)
"""One order for every system and both languages: faces with Latin, Hangul and figures of one width come first."""
PRINT = FONT.replace(f'"{FACE}", ', "").replace('"DejaVu', f'"{FACE}", "DejaVu')
"""On paper a face of one weight comes after those with a bold one, which a printer does not make up."""
MONO = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", NanumGothicCoding, monospace'


def css(*, page: bool) -> str:
    """Return the colours and faces as variables of style.

    For a whole page they follow the reader's system and are light on paper; for a part of one, `light-dark` follows
    the page around it. A page's figures stand in it and are recoloured here; elsewhere each is an image of its own.
    """
    faces = f"--font: {FONT}; --print: {PRINT}; --mono: {MONO};"
    if not page:
        return faces + "".join(f" --{name}: light-dark({PALETTE[name]}, {DARK[name]});" for name in PALETTE)
    light, dark = ("".join(f" --{name}: {theme[name]};" for name in theme) for theme in (PALETTE, DARK))
    return (
        f":root {{ color-scheme: light dark; {faces}{light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{{dark} }}\n{_rules(PALETTE, ' ')}}}\n"
        "@media print { :root { color-scheme: light; } }"
    )


def recoloured(figure: str) -> str:
    """Return the style by which a figure, alone in an image, follows the theme of the page that shows it."""
    used = {name: colour for name, colour in PALETTE.items() if f'"{colour}"' in figure}
    return f"<style>@media (prefers-color-scheme:dark){{{_rules(used)}}}</style>"


def _rules(colours: dict[str, str], space: str = "") -> str:
    return space.join(
        f'[{what}="{colour}"]{{{what}:{DARK[name]}}}' for name, colour in colours.items() for what in ("fill", "stroke")
    )


class Form(str):
    """Markup of ours with places for values."""

    __slots__ = ()

    def put(self, *values: str | float) -> Markup:
        """Return what `Markup.format` does, in a third of the time: texts are escaped, numbers need not be."""
        return Markup(self.format(*(escape(one) if isinstance(one, str) else one for one in values)))  # noqa: S704


def svg(width: float, height: float, title: str, description: str, body: Markup, kind: str = "line") -> Markup:
    """Return a figure with its title and description, for those who see it and those who hear it read."""
    return Form(
        '<svg class="{}" viewBox="0 0 {} {}" width="{}" height="{}" role="img">'
        "<title>{}</title><desc>{}</desc>{}</svg>"
    ).put(kind, width, height, width, height, title, description, body)
