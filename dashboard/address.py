"""Where a reader is: the whole state of a screen is its query string, typed on reading.

    ?screen=item&audit=0123456789abcdef&check=facts&failures=true&item=12      Address <-> query string

So every screen has a permalink, the browser's Back button works, and only a reviewer's name is kept in a session.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field, fields, replace
from functools import cache
from typing import Annotated, Any, Literal, get_args
from urllib.parse import parse_qsl, urlencode

from pydantic import Field, TypeAdapter, ValidationError
from streamlit.runtime.scriptrunner import get_script_run_ctx

from audit.errors import UsageError, first_problem
from audit.record import Verdict
from audit.review import RatingWord, StatusWord
from detectors.immutable import immutable
from reports.text import words_of

__all__ = ["LANG", "PARAMETERS", "TABS", "Address", "Screen", "StatusFilter", "asked", "read"]

LANG = "DOKIMASIA_LANG"
"""Environment variable with the language of an address that names none."""

Screen = Literal[
    "audits", "audit", "finding", "item", "compare", "register", "trends", "frameworks", "framework", "verify",
    "export",
]
StateFilter = Verdict | Literal["", "running", "unreadable"]
Order = Literal["worst", "newest", "title", "model"]
Only = Literal["", "decide", "mine", "overdue", "damaged", "running"]
RatingFilter = RatingWord | Literal[""]
StatusFilter = StatusWord | Literal["", "overdue", "ending"]
WhoseFilter = Literal["", "mine", "nobody"]
RegisterView = Literal["", "calendar"]
ItemsFilter = Literal["", "open", "spoken", "differ", "drawn", "given"]
Layout = Literal["table", "gallery"]
Tab = Literal["findings", "reviews", "method", "data", "run"]
TABS: tuple[Tab, ...] = get_args(Tab)
"""Parts of an audit's screen."""
Name = Annotated[str, Field(max_length=200, pattern=r"^[^/\\\x00]*$")]
Names = Annotated[str, Field(max_length=820, pattern=r"^[^/\\\x00]*$")]
Number = Annotated[int, Field(ge=1, le=10**12)]
Text = Annotated[str, Field(max_length=500)]
Picks = Annotated[str, Field(max_length=4000, pattern=r"^[0-9a-f,]*$")]
Part = Annotated[str, Field(max_length=1000)]
Margin = Annotated[str, Field(max_length=12, pattern=r"^(\d+(\.\d*)?|\.\d+)?$")]

_EVIDENCE = ("audit", "check", "failures", "outcome", "group", "unit", "reviewed", "find", "part", "sort")
PARAMETERS: Mapping[Screen, tuple[str, ...]] = {
    "audits": ("search", "only", "verdict", "family", "order", "page"),
    "audit": ("audit", "tab"),
    "finding": (*_EVIDENCE, "columns", "shown", "page"),
    "item": (*_EVIDENCE, "item"),
    "compare": ("audit", "other", "margin"),
    "register": ("search", "owner", "rating", "standing", "whose", "view", "picked", "page"),
    "trends": ("model", "check", "measure"),
    "frameworks": ("audit", "page"),
    "framework": ("audit", "framework", "status"),
    "verify": ("audit",),
    "export": ("audit",),
}
"""Screen -> the parameters that make it, beside the language."""


@immutable
class Address:
    """One screen with its state."""

    screen: Screen = "audits"
    audit: Name = ""
    """Name of an audit's folder."""
    other: Names = ""
    """The audits that `audit` is compared with, at most four, with commas between them."""
    margin: Margin = ""
    """How much worse `other` may be, in shares and scores; empty = not at all."""
    tab: Tab = "findings"
    check: Text = ""
    item: Number = 1
    """Row of the items file, counted from 1."""
    page: Number = 1
    failures: bool = False
    """Only items that count against the model."""
    outcome: Text = ""
    group: Text = ""
    unit: Text = ""
    """Only items with this outcome, of this group, of this independent unit; empty = all."""
    reviewed: ItemsFilter = ""
    """Only items of which nobody spoke, somebody did, people differ, that are drawn for a random check, or given to
    somebody; empty = all."""
    find: Text = ""
    """Only items that have this in one of their texts, `/.../` = a regular expression; no matter the case."""
    part: Part = ""
    """Only items of a part of a picture, `class=7` or `nearest=0.1..0.4`, & between what they have; empty = all."""
    sort: Text = ""
    """Column by which items are sorted, `-` before it = from the largest down; empty = the worst first."""
    columns: Text = ""
    """Columns that are shown, with commas between them; empty = those that weigh most."""
    shown: Layout = "table"
    search: Text = ""
    verdict: StateFilter = ""
    family: Text = ""
    """Only audits with this text in what they say, this verdict, this family of model; empty = all."""
    only: Only = ""
    """Only audits that wait for a decision, have open findings of the reader's or overdue ones, are damaged, or run."""
    order: Order = "worst"
    owner: Text = ""
    rating: RatingFilter = ""
    standing: StatusFilter = ""
    """Only findings with this owner, rating, standing; empty = all. `ending`: with a waiver that ends soon."""
    whose: WhoseFilter = ""
    """Only findings of whoever looks, or of nobody; empty = all."""
    view: RegisterView = ""
    """The register as a list or as a calendar of what ends."""
    picked: Picks = ""
    """Findings that are given to somebody together, by their marks with commas between them."""
    model: Text = ""
    measure: Text = ""
    """The model whose audits are followed, and the measure of `check`, `name` or `name of group`."""
    framework: Name = ""
    """The catalogue by whose clauses an audit is read."""
    status: Text = ""
    """Only clauses of this status; empty = all."""
    lang: Text = field(default_factory=lambda: os.environ.get(LANG, "en"))

    @property
    def others(self) -> tuple[str, ...]:
        """The names in `other`."""
        return tuple(dict.fromkeys(one for one in self.other.split(",") if one))

    @property
    def query(self) -> dict[str, str]:
        """What stands in the query string: the parameters of this screen that are not as by default."""
        plain = Address()
        kept = {name: getattr(self, name) for name in ("screen", *PARAMETERS[self.screen], "lang")}
        return {name: _text(value) for name, value in kept.items() if value != getattr(plain, name)}

    @property
    def link(self) -> str:
        """The query string as a link, relative to the dashboard's one page."""
        return "?" + urlencode(self.query)

    def to(self, screen: Screen, **changes: Any) -> Address:
        """Return the address of another screen, or of this one in another state."""
        return replace(self, screen=screen, **changes)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def asked() -> dict[str, str]:
    """Return the parameters of the address that this run of the page is for, with what it has written into them.

    Not `st.query_params`, which all runs of a session share: one that is displaced just as it begins anew (`st.rerun`)
    puts its own address back there, and the run for the link that displaced it would draw the screen before.
    """
    run = get_script_run_ctx()
    return {} if run is None else dict(parse_qsl(run.query_string, keep_blank_values=True))


def read(parameters: Mapping[str, str]) -> Address:
    """Return the address that a query string stands for; UsageError for a value that cannot be.

    Unknown parameters are left alone: browsers and proxies add their own.
    """
    known = {one.name for one in fields(Address)}
    try:
        address = _adapter().validate_strings({key: value for key, value in parameters.items() if key in known})
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            "address: {parameter}={got!r}: {problem}",
            parameter=first["loc"][0], got=first["input"][:80], problem=first_problem(error),
        ) from None
    words_of(address.lang)
    return address


@cache
def _adapter() -> TypeAdapter[Address]:
    return TypeAdapter(Address)
