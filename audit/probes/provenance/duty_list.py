"""Duties to mark what models make, as data: `duties.yaml`, one entry a rule, in English and Korean.

    duties()                   every entry
    owed(duties(), day)        as they stand on a day: in force, not yet, ended

A date or a statement says how sure it is. They are paraphrases: a report prints them with that, or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    from detectors.provenance.duties import Owed

__all__ = ["UNTESTED", "Duty", "duties", "owed"]

UNTESTED: Mapping[str, Cause] = {
    "notice": Cause("it asks for a notice in the product; no output shows that"),
    "people": Cause("whether a label is owed, and whether it is noticed, is for people to say"),
    "handling": Cause("it asks how incoming files are handled; no output shows that"),
    "service": Cause("it asks for a service that answers others; no output shows that"),
    "elsewhere": Cause("the checks of marks in texts and images measure it"),
}
"""Why outputs cannot tell, whatever they are."""


@immutable
class Duty:
    """One rule."""

    id: str
    rule: Mapping[str, str]
    """Language -> its name."""
    evidence: Mapping[str, str]
    """Language -> what is counted for it."""
    article: str
    kinds: tuple[str, ...]
    sure: Literal["A", "B", "C"]
    """How sure dates and content are: the text or a copy was read, several pages agree, one page says so."""
    source: Literal["official", "summary"]
    binding: bool
    """Whether it is law; false = a code or standard that is kept by choice."""
    test: str | None = None
    untested: str | None = None
    """Key of `UNTESTED`; a duty has either this or a test."""
    framework: str | None = None
    clause: str | None = None
    """Catalogue and row that it belongs to."""
    since: date | None = None
    """First day; None = a standard without one."""
    until: date | None = None
    """Last day."""
    placed_before: date | None = None
    then_from: date | None = None
    """Systems that came to market before the one day have it from the other on."""
    least_tokens: int = 0

    def first_day(self, placed: date | None) -> date | None:
        """Return from when it holds for a system that came to market on a day; None = a new one."""
        older = placed is not None and self.placed_before is not None and placed < self.placed_before
        return self.then_from if older else self.since


@cache
def duties() -> tuple[Duty, ...]:
    """Return every duty, in the order of the file; raises ValueError for one that is none."""
    import yaml

    text = files("audit.probes.provenance").joinpath("duties.yaml").read_text("utf-8")
    fast = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # where libyaml is, in a tenth of the time
    return tuple(map(_duty, yaml.load(text, fast)))  # noqa: S506  (both are safe)


def _duty(told: Mapping[str, Any]) -> Duty:
    fields = {"since" if name == "from" else name: one for name, one in told.items()}
    made = Duty(**{**fields, "kinds": tuple(fields["kinds"])})
    if (made.test is None) == (made.untested is None):
        raise ValueError(f"{made.id}: got test {made.test}, untested {made.untested}; allowed: one of them")
    return made


def owed(given: Iterable[Duty], day: date, placed: date | None = None, *, anchored: bool = True) -> list[Owed]:
    """Return the duties as they stand on a day. anchored: whether the plan says whom to trust."""
    from detectors.provenance.duties import Owed

    return [
        Owed(
            one.id, frozenset(one.kinds), one.test, one.least_tokens,
            (first := one.first_day(placed)) is None or first <= day, _untested(one, day, anchored),
        )
        for one in given
    ]  # fmt: skip


def _untested(one: Duty, day: date, anchored: bool) -> Cause | None:
    if one.until is not None and one.until < day:
        return Cause("it ended on {day}", day=one.until.isoformat())
    if one.untested is not None:
        return UNTESTED[one.untested]
    if not anchored and one.test in ("trusted", "two_layers"):
        return Cause("the plan does not say whom to trust")
    return None
