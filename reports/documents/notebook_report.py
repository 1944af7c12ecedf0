"""An audit as a notebook shows it: the decision page of its report, as a part of somebody else's page.

    audit.run(...)     as the last line of a cell

It has no scripts, links and names of places, and its style speaks of nothing but itself. What a model or a file wrote
is escaped, and nothing is loaded from anywhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markupsafe import Markup

from reports.documents.templating import environment, figure_tools, text_tools
from reports.figures import css
from reports.options import DEFAULTS, ReportOptions
from reports.pictures import pictures_of, thumbnail
from reports.text import Notation, words_of

if TYPE_CHECKING:
    from audit.record import Audit

__all__ = ["render_notebook"]

_PLACES = re.compile(r' (?:href|id)="[^"]*"')
"""What leads to, or names, a place of a page that this is only a part of; no text has a quotation mark unescaped."""


def render_notebook(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return a fragment of HTML without scripts and links as one file; UsageError for a language without catalogue."""
    from audit.review import state_of
    from reports.views import decision_page, overview, review_view, sheet_rows

    words, state = words_of(options.lang), state_of(audit)
    notation, view = Notation(words), overview(audit, words)
    review = review_view(audit, notation, state)
    drawn = {one.anchor: pictures_of(audit, one.finding, notation, most=1) for one in view.findings}
    shown = environment().get_template("notebook.html.j2").render(
        view=view,
        page=decision_page(audit, view, notation, state),
        record=audit.record,
        lang=options.lang,
        notation=notation,
        review=review,
        sheet=sheet_rows(audit, words),
        colours=Markup(css(page=False)),  # noqa: S704 - style of ours
        folder=audit.folder,
        thumb=lambda one: thumbnail(drawn[one.anchor][0]) if drawn[one.anchor] else "",
        **figure_tools(view, notation, review.waived if review else ()),
        **text_tools(words),
    )
    return {"notebook.html": _PLACES.sub("", shown).encode()}
