"""What somebody has to see who decides about an audit, on one page: the first of every document, screen and notebook.

    decision_page(audit, view, notation) -> DecisionPage

    by the machine > after review > who has to act, by when        the decision
    asked > measured > decided > failed > waived > still failed     the audit, as checks that are left (`Step`)
    one row a finding, the worst first                              sign, line, sentence, owner, after review
    what was not measured, and why

A document looks at waivers and days on the day of the last entry, so it is the same on every day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from audit.record import DECIDED, UNSETTLED, Audit, Finding, Verdict
from detectors.immutable import immutable
from reports.figures import Step
from reports.text import Notation, Words, one_line
from reports.views.summary import tally
from reports.views.verdict_text import brief_text
from reports.views.whole_audit import Block, FindingView, Gap, Overview

if TYPE_CHECKING:
    from audit.review import ReviewState, TargetState

__all__ = ["DecisionPage", "DecisionRow", "Standing", "decision_page", "open_checks"]

MOST = 3
"""At most so many people are named as those who have to act."""


@immutable
class Standing:
    """Where one finding stands after its reviews, as it is printed."""

    verdict: Verdict
    """With overridden items counted anew."""
    word: str
    """That verdict, or that the finding is waived."""
    waived: bool
    status: str
    """Open, accepted, fixed; empty where it is waived."""
    owner: str
    due: str
    overdue: bool


@immutable
class DecisionRow:
    """One finding."""

    view: FindingView
    told: str
    """What came out, what was allowed and what would decide, in one sentence."""
    block: Block | None
    """What its headline shares an axis with; None where it has none."""
    after: Standing | None
    """None where nobody has spoken of it."""


@immutable
class DecisionPage:
    """All that stands on the page beside the audit's own sentence (`Overview.sentence`)."""

    machine: Verdict
    after: Verdict | None
    """After review; None where nobody has reviewed anything."""
    after_told: str
    """What people changed."""
    decision: str
    """`Draft`, `Approved`, ..."""
    acts: tuple[tuple[str, bool], ...]
    """(who has to act, and by when; whether that day is over), the most urgent first."""
    steps: tuple[Step, ...]
    """After review, like `counts`."""
    steps_told: str
    counts: tuple[tuple[str, int], ...]
    """(verdict, checks), worst first, only those that occur."""
    rows: tuple[DecisionRow, ...]
    """Findings that were measured, or crashed, the worst first."""
    gaps: tuple[Gap, ...]
    """What was not measured, of findings and of parts of them."""
    spent: tuple[str, ...] = ()
    """What each endpoint took, over all attempts: calls, tokens, money."""

    @property
    def spoken_of(self) -> bool:
        """Whether anybody has spoken of a finding."""
        return any(row.after for row in self.rows)


def decision_page(
    audit: Audit, view: Overview, notation: Notation, state: ReviewState | None = None
) -> DecisionPage:
    """Return the page of an audit whose `view` is given; IntegrityError for broken reviews.

    A screen gives the `state` as it is today; without one, waivers and days are looked at on the day of the last entry.
    """
    from audit.review import state_of

    state, words = state or state_of(audit), notation.words
    blocks = {id(row): block for block in view.blocks for row in block.rows}
    standing = {one.check: _standing(one, state, notation) for one in state.findings}
    shown = [one for one in view.findings if one.finding.verdict != "skipped"]
    steps = _steps(state, words)
    return DecisionPage(
        machine=audit.record.verdict,
        after=state.verdict if state.entries else None,
        after_told=_changed(state, words),
        decision=words(f"decision.{state.decision}"),
        acts=tuple(_acts(state, notation)),
        steps=steps,
        steps_told=words("format.list").join(
            words("format.counted", count=f"{one.count:,}", what=one.label) for one in steps
        ),
        counts=tally(state.findings),
        rows=tuple(
            DecisionRow(
                one, brief_text(one.finding, notation) + words("summary.end"), blocks.get(id(one.headline)),
                standing[one.finding.check],
            )
            for one in shown
        ),
        gaps=tuple(gap for gap in view.gaps if gap.view.finding.verdict != "crashed"),
        spent=tuple(_spent(audit, words)),
    )


def _spent(audit: Audit, words: Words) -> Iterator[str]:
    from audit.ask import told

    for name, one in ({} if audit.run is None else audit.run.spent).items():
        yield words("label.spent", endpoint=words.term("role", name), told=words.term("error", told(one)))


def open_checks(state: ReviewState) -> list[str]:
    """Return the checks that somebody has to settle: failed, crashed or undecided after review, and left open."""
    return [one.check for one in state.findings if one.verdict in UNSETTLED and _is_open(state, one.check)]


def _is_open(state: ReviewState, check: str) -> bool:
    return not state.waived(check) and state.of(check).status in ("open", "waived")  # a waiver may have ended


def _standing(after: Finding, state: ReviewState, notation: Notation) -> Standing | None:
    said, words = state.of(after.check), notation.words
    if said == type(said)() and after.check not in state.reviewed:
        return None
    waived = state.waived(after.check)
    return Standing(
        verdict=after.verdict,
        word=words("status.waived") if waived else words(f"verdict.{after.verdict}"),
        waived=waived,
        status="" if waived else words(f"status.{'open' if said.status == 'waived' else said.status}"),
        owner=one_line(said.owner, words, 60) if said.owner else "",
        due=notation.day(said.due) if said.due else "",
        overdue=_overdue(said, state),
    )


def _overdue(said: TargetState, state: ReviewState) -> bool:
    return state.on is not None and said.overdue(state.on)


def _changed(state: ReviewState, words: Words) -> str:
    """Return what people changed; that nobody has said anything, where it is so."""
    if not state.entries:
        return words("decide.nobody")
    waived = sum(state.waived(one.check) for one in state.findings)
    items = sum(one.machine != one.reviewed for result in state.reviewed.values() for one in result.changes)
    told = [words("reviewed.waived_count", count=waived)] if waived else []
    told += [words("decide.items", count=items)] if items else []
    return words("format.list").join(told) or words("decide.unchanged")


def _acts(state: ReviewState, notation: Notation) -> Iterable[tuple[str, bool]]:
    """Yield who has to decide, then who has to settle what is open."""
    words = notation.words
    yield _decides(state, notation), False
    owned: dict[str | None, list[str]] = {}
    for check in open_checks(state):
        owned.setdefault(state.of(check).owner, []).append(check)
    named = [(owner, checks, _first_day(state, checks)) for owner, checks in owned.items() if owner is not None]
    named.sort(key=lambda one: (one[2] or date.max, one[0]))
    for owner, checks, due in named[:MOST]:
        facts = {"owner": one_line(owner, words, 40), "checks": _listed(checks, words)}
        late = any(_overdue(state.of(check), state) for check in checks)
        yield words("decide.by", day=notation.day(due), **facts) if due else words("decide.owner", **facts), late
    if len(named) > MOST:
        yield words("decide.more_owners", count=len(named) - MOST), False
    if None in owned:
        yield words("decide.no_owner", count=len(owned[None])), False


def _decides(state: ReviewState, notation: Notation) -> str:
    """Return who has to decide, or who has decided."""
    words, last = notation.words, next((row for row in reversed(state.sign_off) if row.counts), None)
    facts: Mapping[str, str] = {} if last is None else {
        "author": one_line(last.entry.author, words, 60), "day": notation.day(last.entry.at.date()),
    }
    key = "second" if state.decision == "in review" and state.two_person else state.decision
    return words(f"decide.{key}" if facts else "decide.draft", **facts)


def _first_day(state: ReviewState, checks: Sequence[str]) -> date | None:
    return min((due for check in checks if (due := state.of(check).due)), default=None)


def _listed(checks: Sequence[str], words: Words) -> str:
    told = words("format.list").join(one_line(check, words, 40) for check in checks[:2])
    return told if len(checks) <= 2 else words("format.and_more", text=told, count=len(checks) - 2)


def _steps(state: ReviewState, words: Words) -> tuple[Step, ...]:
    """Return how many checks are left after each step; after review, so that an overridden one counts as it stands."""
    found = state.findings
    failed = [one.check for one in found if one.verdict == "failed"]
    still = sum(_is_open(state, check) for check in failed)
    settled = any(state.of(check).status in ("accepted", "fixed") for check in failed)
    counts = {
        "asked": len(found), "measured": sum(one.verdict not in ("skipped", "crashed") for one in found),
        "decided": sum(one.verdict in DECIDED for one in found), "failed": len(failed),
    }
    bars = [Step(words(f"step.{key}"), count, "failed" if key == "failed" else "measured")
            for key, count in counts.items()]
    away = words("step.settled" if settled else "step.waived")
    lifted = Step(away, len(failed) - still, "failed", still, hollow=True)
    return (*bars, lifted, Step(words("step.left"), still, "failed"))
