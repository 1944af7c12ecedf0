"""How clearly each question was decided: on the right of zero it was right, and far on the left it was surely wrong.

bar     counts of questions by margin, the nats from the likeliest wrong to the likeliest right choice
"""

from __future__ import annotations

from reports.figures import bar, feet, joined, line, round_axis, words_at
from reports.pictures.finding_figure import WIDTH, Picture, Shown, pictured
from reports.pictures.hotspots import of_bins

__all__ = ["margins"]

_PLOT, _BINS = 110, 61


def margins(shown: Shown) -> Picture | None:
    """Draw the margins of all questions; None where answers were not chosen by likelihood."""
    import numpy as np

    if "margin" not in shown.columns:
        return None
    margin = shown.frame("margin")["margin"].dropna().to_numpy(float)
    margin = margin[np.isfinite(margin)]
    if margin.size == 0:
        return None
    reach = max(float(np.quantile(np.abs(margin), 0.99)), 1e-9)
    axis = round_axis("nats", -reach, reach, WIDTH)
    edges = np.linspace(-reach, reach, _BINS + 1)
    counts = np.histogram(np.clip(margin, -reach, reach), edges)[0]
    top = max(int(counts.max()), 1)
    zero, words = axis.x(0.0), shown.notation.words
    parts = [feet(axis, shown.notation, _PLOT + 16, top=0)]
    for at, count in enumerate(counts.tolist()):
        left, right = axis.x(float(edges[at])), axis.x(float(edges[at + 1]))
        middle = (edges[at] + edges[at + 1]) / 2
        colour = "failed" if middle < -1e-12 else "passed"
        parts.append(
            bar(left, _PLOT - count / top * (_PLOT - 20), right - left - 1, count / top * (_PLOT - 20), colour)
        )
    wrong, surely = int((margin < 0).sum()), int((margin < -1).sum())
    parts += [
        line(zero, 0, zero, _PLOT, "ink", width=1.5),
        words_at(zero - 8, 12, words("picture.wrong", count=wrong), anchor="end", colour="failed"),
        words_at(zero + 8, 12, words("picture.right", count=int((margin > 0).sum())), colour="passed"),
        words_at(WIDTH, _PLOT + 32, words("picture.margin_axis"), anchor="end", size=11, colour="skipped"),
    ]
    message = words("picture.margins", wrong=f"{wrong:,}", all=f"{margin.size:,}", surely=f"{surely:,}")
    caption = words("picture.margins_caption")
    hotspots = of_bins("margin", edges, axis, 0, (0, _PLOT), counts)
    return pictured(shown, _PLOT + 40, message, caption, joined(parts), hotspots=hotspots)
