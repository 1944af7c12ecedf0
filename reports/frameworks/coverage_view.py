"""What an audit is evidence for, clause by clause, in words: one view for documents and screens.

    coverage_view(coverage, audit, words) -> CoverageView
        the tally, who is bound by whose answer, what to do first, every clause with its status, why, what raises it

Nothing is decided here: statuses, reasons and next steps are those of `policy/coverage`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from audit.verdict import capitalised
from detectors.immutable import immutable
from detectors.phrases import Phrase
from reports.text import Notation, Words, one_line

if TYPE_CHECKING:
    from audit.frameworks import Clause, Framework, Question
    from audit.policy import Answered, ClauseCoverage, ClauseStatus, Coverage
    from audit.record import Audit, Verdict
    from reports.views import FindingView

__all__ = [
    "SHOWN_AS", "AnswerRow", "ClauseGroup", "ClauseRow", "CoverageView", "DateRow", "StepRow", "coverage_view",
    "status_told",
]

SHOWN_AS: dict[ClauseStatus, tuple[Verdict, bool]] = {
    "contradicted": ("failed", False),
    "inconclusive": ("inconclusive", False),
    "partly supported": ("passed", True),
    "supported": ("passed", False),
    "evidence exists, applicability not stated": ("measured", False),
    "no evidence": ("skipped", False),
    "not yet in force": ("measured", True),
    "not applicable": ("skipped", True),
}
"""Status -> the sign that it has, and whether that is hollow; in the order in which they are read."""
MOST_STEPS = 6
"""At most so many next steps stand before the clauses."""


@immutable
class ClauseRow:
    """One clause."""

    coverage: ClauseCoverage
    anchor: str
    ref: str
    title: str
    says: str
    status: str
    would_be: str
    """Its status by the evidence, where it is not yet in force."""
    sign: Verdict
    hollow: bool
    """The sign of its status, of what it would be where it is not yet in force."""
    reason: str
    next_steps: tuple[str, ...]
    strength: str
    role: str
    since: str
    """From when it binds; empty where it always does."""
    unsure: str
    """That its text was not verified; empty where it was."""
    shows: str
    never: str
    """What no tool measures there; empty where an audit shows nothing."""
    tests: str
    """How many of its tests were run; empty where the reason tells it."""
    absent: str
    """Which were not; empty where the reason tells it."""
    lacking: tuple[str, ...]
    evidence: tuple[tuple[str, FindingView], ...]
    """(for, against or undecided, finding)."""

    @property
    def next_step(self) -> str:
        """What would raise its status, in one line."""
        return "; ".join(self.next_steps)

    @property
    def positive(self) -> bool:
        """Whether something speaks for it."""
        from audit.policy import RANK

        return self.coverage.by_evidence in RANK or self.coverage.status == "evidence exists, applicability not stated"


@immutable
class ClauseGroup:
    """Clauses of one status."""

    key: ClauseStatus
    status: str
    sign: Verdict
    hollow: bool
    means: str
    rows: tuple[ClauseRow, ...]


@immutable
class StepRow:
    """Something that would raise statuses, and of how many clauses."""

    step: str
    refs: tuple[str, ...]


@immutable
class DateRow:
    """A date of the framework."""

    day: str
    what: str
    sure: str
    later: bool
    """Whether it lies after the audit."""


@immutable
class AnswerRow:
    """A question, and who answered what."""

    question: str
    answer: str
    """Empty where nobody answered."""
    who: str
    when: str
    signed: bool
    against: tuple[str, ...] = ()
    """Who says otherwise, and what, a sentence each."""


@immutable
class CoverageView:
    """One audit in the eyes of one framework."""

    framework: Framework
    audit: str
    title: str
    audited: str
    text: str
    standing: str
    checked: str
    note: str
    sentence: str
    stated: bool
    """Whether somebody said whom the framework binds."""
    sealed: bool
    day: str
    groups: tuple[ClauseGroup, ...]
    steps: tuple[StepRow, ...]
    dates: tuple[DateRow, ...]
    answers: tuple[AnswerRow, ...]

    @property
    def rows(self) -> tuple[ClauseRow, ...]:
        """All clauses, in the order in which they are read."""
        return tuple(row for group in self.groups for row in group.rows)


def coverage_view(coverage: Coverage, audit: Audit, words: Words) -> CoverageView:
    """Return what documents and screens say of an audit and a framework."""
    from reports.views import overview

    framework, notation, view = coverage.framework, Notation(words), overview(audit, words)
    findings = {one.finding.check: one for one in view.findings}
    rows = [_row(one, framework, findings, notation) for one in coverage.clauses]
    groups = tuple(_groups(rows, words))
    return CoverageView(
        framework=framework, audit=one_line(coverage.audit, words), title=framework.title.of(words.lang),
        audited=view.models[0] if view.models else view.title, text=framework.text.of(words.lang),
        standing=words.term("framework_status", framework.status), checked=_checked(coverage, notation),
        note=framework.note.of(words.lang) if framework.note else "",
        sentence=_sentence(coverage, words), stated=bool(coverage.answers),
        sealed=coverage.sealed, day=words("format.none") if coverage.day is None else notation.day(coverage.day),
        groups=groups, steps=tuple(_steps(rows)), dates=tuple(_dates(coverage, notation)),
        answers=tuple(answer_rows(coverage, notation)),
    )  # fmt: skip


def _checked(coverage: Coverage, notation: Notation) -> str:
    """Return when and against what the catalogue was checked, and the dates that passed from then to the audit."""
    words, framework = notation.words, coverage.framework
    told = words("coverage.checked", day=notation.day(framework.checked.on),
                 against=words.term("checked_against", framework.checked.against))  # fmt: skip
    passed = [] if coverage.day is None else framework.passed(coverage.day.isoformat())
    days = words("format.list").join(map(notation.day, passed))
    return words("coverage.checked_before", checked=told, days=days) if passed else told


def _sentence(coverage: Coverage, words: Words) -> str:
    """Return of how many clauses the evidence says what, in force or not yet."""
    from audit.policy import RANK

    bound = [one.by_evidence for one in coverage.clauses if one.status != "not applicable"]
    told = {"speaks": sum(RANK.get(one, 0) > 1 for one in bound), "against": bound.count("contradicted")}
    told |= {"nothing": bound.count("no evidence"), "out": len(coverage.clauses) - len(bound)}
    open_ends = len(bound) - told["speaks"] - told["against"] - told["nothing"]
    sentence = words("coverage.sentence", count=len(coverage.clauses), open=open_ends, **told)
    later = sum(one.status == "not yet in force" for one in coverage.clauses)
    return words("coverage.sentence_later", sentence=sentence, later=later) if later else sentence


def status_told(status: ClauseStatus, words: Words) -> str:
    """Return a status in words."""
    from audit.policy import status_words

    return _told(status_words(status), words)


def _told(phrase: Phrase, words: Words) -> str:
    """Return a phrase as a line begins, in a language that has capitals."""
    told = one_line(words.term("error", phrase), words, 600)
    return capitalised(told) if words.lang == "en" else told


def _parts(phrase: Phrase) -> Iterator[Phrase]:
    """Yield the phrases that one holds, first and then, one by one."""
    if phrase.template == "{first}; {then}":
        for part in phrase.values.values():
            if isinstance(part, Phrase):
                yield from _parts(part)
    else:
        yield phrase


def _row(one: ClauseCoverage, framework: Framework, findings: dict[str, FindingView], notation: Notation) -> ClauseRow:
    from audit.policy import absent_words

    words, clause, lang = notation.words, one.clause, notation.words.lang
    sign, hollow = SHOWN_AS[one.by_evidence]
    run, mapped = len(one.tests_run), len(one.tests_mapped)
    told = not run or one.by_evidence == "partly supported"  # by the reason, with the names of those that were not
    return ClauseRow(
        coverage=one, anchor=f"clause-{clause.id.replace('.', '-')}", ref=one_line(clause.ref, words, 80),
        title=clause.title.of(lang) if clause.title else "", says=one.says.of(lang),
        status=status_told(one.status, words), sign=sign, hollow=hollow, reason=_told(one.reason, words),
        would_be="" if one.once is None else status_told(one.once, words),
        next_steps=tuple(_told(part, words) for part in _parts(one.next_step)),
        strength=words.term("strength", clause.strength),
        role=_roles(framework, clause, words), since=_since(one, notation),
        unsure=words("coverage.unsure", sure=one.sure) if one.sure in ("C", "D") else "",
        shows=clause.evidence.of(lang) if clause.evidence else "", never=one.never.of(lang) if one.never else "",
        tests=words("coverage.tests", run=run, count=mapped) if mapped and not told else "",
        absent=_told(absent_words(one.tests_absent), words) if one.tests_absent and not told else "",
        lacking=tuple(_lacking(one, words)), evidence=tuple(_evidence(one, findings)),
    )  # fmt: skip


def _roles(framework: Framework, clause: Clause, words: Words) -> str:
    known = {choice.id: choice.says.of(words.lang) for choice in framework.asked["role"].choices}
    told = (known.get(role, role).partition(":")[0] for role in clause.role)
    return words("format.list").join(told)


def _since(one: ClauseCoverage, notation: Notation) -> str:
    words, given = notation.words, one.clause.applies_from
    if given is None:
        return ""
    if isinstance(given, str) or one.applies.since is not None:
        return words("coverage.since", day=notation.day(one.applies.since or str(given)))
    days = words("format.list").join(map(notation.day, sorted(set(given.values()))))
    return words("coverage.since_by_answer", days=days)


def _lacking(one: ClauseCoverage, words: Words) -> Iterator[str]:
    from audit.policy import cap_words, need_words

    yield from (_told(need_words(need), words) for need in (*one.lacking, *one.not_full))
    yield from (_told(cap_words(cap), words) for cap in one.caps if cap not in ("partial", "process", "not_full"))


def _evidence(one: ClauseCoverage, findings: dict[str, FindingView]) -> Iterator[tuple[str, FindingView]]:
    sides = (("against", one.against), ("for", one.findings), ("undecided", one.undecided))
    for side, checks in sides:
        yield from ((side, findings[check]) for check in checks if check in findings)


def _groups(rows: list[ClauseRow], words: Words) -> Iterator[ClauseGroup]:
    """Yield the statuses that occur; in each, what an audit can show anything for comes first."""
    order = list(SHOWN_AS)
    for status, (sign, hollow) in SHOWN_AS.items():
        found = [row for row in rows if row.coverage.status == status]
        found.sort(key=lambda row: (order.index(row.coverage.by_evidence), row.coverage.clause.strength == "none"))
        if found:
            means = words.term("status_means", status)
            yield ClauseGroup(status, status_told(status, words), sign, hollow, means, tuple(found))


def _steps(rows: list[ClauseRow]) -> Iterator[StepRow]:
    """Yield the next steps of clauses that an audit could show more for, those of most clauses first."""
    open_ends = [row for row in rows if _may_rise(row.coverage)]
    counted = Counter(step for row in open_ends for step in dict.fromkeys(row.next_steps))
    for step, _ in counted.most_common(MOST_STEPS):
        yield StepRow(step, tuple(row.ref for row in open_ends if step in row.next_steps))


def _may_rise(one: ClauseCoverage) -> bool:
    """Tell whether an audit could show more for a clause than this one does."""
    settled = one.by_evidence == "partly supported" and set(one.caps) <= {"partial", "process"}
    whole = one.by_evidence == "supported" or one.status == "not applicable"
    return one.clause.strength != "none" and not settled and not whole


def _dates(coverage: Coverage, notation: Notation) -> Iterator[DateRow]:
    words, today = notation.words, coverage.day
    for one in coverage.framework.dates:
        later = today is not None and one.on > today.isoformat()
        yield DateRow(notation.day(one.on), one.what.of(words.lang), words.term("sure", one.sure), later)


def answer_rows(coverage: Coverage, notation: Notation) -> Iterator[AnswerRow]:
    """Yield the questions of a framework with who answered what."""
    for question in coverage.framework.questions:
        yield _answer(question, coverage.answers.get(question.id), notation)


def _answer(question: Question, given: Answered | None, notation: Notation) -> AnswerRow:
    words = notation.words
    asks = question.asks.of(words.lang)
    if given is None:
        return AnswerRow(asks, "", "", "", signed=False)
    known = {choice.id: choice.says.of(words.lang) for choice in question.choices}
    known["none"] = words("coverage.none_of_these")

    def told(one: Answered) -> dict[str, str]:
        answer = "; ".join(known.get(choice, choice) for choice in one.choices)
        return {"answer": answer, "who": one_line(one.author, words, 80), "when": notation.day(one.on)}

    against = tuple(
        words("coverage.against_unsigned" if one.key is None else "coverage.against", **told(one))
        for one in given.against
    )  # fmt: skip
    return AnswerRow(asks, **told(given), signed=given.key is not None, against=against)
