"""The command `frameworks`: which catalogues there are, whom each binds, and what an audit is evidence for.

Every start of the command imports this module, so that what only catalogues need is imported inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.cli.options import Author, Into, KeyFile
from audit.errors import UsageError, clean

if TYPE_CHECKING:
    from audit.frameworks import Clause, Framework, ShownBy
    from audit.policy import Answered, ClauseCoverage, Coverage
    from audit.record import Audit
    from reports.text import Words

__all__ = ["frameworks"]

_SHOWN = {
    "supported": "v", "partly supported": "~", "contradicted": "x", "inconclusive": "?", "no evidence": "-",
    "not applicable": " ", "not yet in force": ">", "evidence exists, applicability not stated": "e",
}

Named = Annotated[
    str | None, typer.Argument(help="Of a framework: an audit. With ask: the framework. With check: the file.")
]
Answer = Annotated[
    list[str] | None,
    typer.Option(metavar="QUESTION=CHOICE,...", help="With ask: what is true; none where nothing of it is."),
]


def frameworks(
    what: Annotated[str | None, typer.Argument(help="A framework, or ask, or check.")] = None,
    name: Named = None,
    audit: Annotated[str | None, typer.Argument(help="With ask: the audit that the answers are for.")] = None,
    answer: Answer = None,
    author: Author = None,
    key: KeyFile = None,
    lang: Annotated[str, typer.Option(help="Language of the catalogue and of what an audit shows: en or ko.")] = "en",
    into: Into = Path("audits"),
) -> None:
    """List the frameworks; show one, or what an audit is evidence for; say whom it binds; check the file of one.

    Without answers to its questions nobody knows whether a clause binds, and no status says more than that.
    """
    if answer and what != "ask":
        raise UsageError("--answer goes with: frameworks ask FRAMEWORK AUDIT")
    if what is None:
        lines = _all(lang)
    elif what == "check":
        lines = _checked(name)
    elif what == "ask":
        lines = _ask(name, None if audit is None else _opened(audit, into), answer or [], author, key, lang)
    elif name is not None:
        lines = _covered(what, _opened(name, into), lang)
    else:
        lines = _one(what, lang)
    print("\n".join(clean(line) for line in lines))


def _opened(audit: str, into: Path) -> Audit:
    """Open an audit; IntegrityError where it is not what was stored: nothing is shown by a verdict that was changed."""
    from audit.integrity import check_digests
    from audit.record import load_record
    from audit.review import pull_reviews
    from audit.storage import find_audit

    found = load_record(find_audit(audit, into))
    pull_reviews(found)
    check_digests(found)
    return found


def _all(lang: str) -> Iterator[str]:
    from audit.frameworks import framework_names, load_framework

    for name in framework_names():
        found = load_framework(name)
        checked = f"checked {_checked_on(found)}"
        yield f"{name:<24} {len(found.clauses):>4}  {found.status}, {checked}  {found.title.of(lang)}"
    yield "frameworks NAME shows its clauses, NAME AUDIT what an audit is evidence for, ask NAME its questions."


def _checked_on(framework: Framework) -> str:
    """Return when a catalogue was checked, and which of its dates have passed since."""
    passed = framework.passed(date.today().isoformat())
    return f"{framework.checked.on} (not since {', '.join(passed)} passed)" if passed else framework.checked.on


def _checked(name: str | None) -> Iterator[str]:
    from audit.frameworks import check_file

    if name is None:
        raise UsageError("frameworks check: got no file; allowed: frameworks check FILE.yaml")
    found = check_file(Path(name))
    kinds = ("direct", "partial", "process", "none")
    counts = ", ".join(f"{kind} {sum(one.strength == kind for one in found.clauses)}" for kind in kinds)
    yield f"{name}: {len(found.clauses)} clauses ({counts}), {len(found.questions)} questions; nothing is wrong"


def _one(name: str, lang: str) -> Iterator[str]:
    from audit.frameworks import load_framework

    found = load_framework(name)
    yield found.title.of(lang)
    yield found.text.of(lang)
    yield f"{found.status}; checked {_checked_on(found)} against {found.checked.against}; sure {found.sure}"
    yield from (f"  {one.on}  {one.what.of(lang)} ({one.sure})" for one in found.dates)
    if found.note is not None:
        yield found.note.of(lang)
    for clause in found.clauses:
        yield from _clause(found, clause, lang)


def _clause(framework: Framework, clause: Clause, lang: str) -> Iterator[str]:
    dates = clause.applies_from
    since = ", ".join(f"{day} ({kind})" for kind, day in dates.items()) if isinstance(dates, dict) else dates
    yield ""
    yield f"{framework.id}:{clause.id}  {clause.ref}  [{clause.strength}]{'' if since is None else f'  from {since}'}"
    yield f"  {clause.says.of(lang)}{_unsure(framework.sure_of(clause))}"
    if clause.tests:
        yield f"  tests: {', '.join(clause.tests)}"
    if clause.shown_by is not None:
        yield f"  {_by_person(clause.shown_by, lang)}"
    for word, needs in (("needs", clause.needs), ("to be full", clause.full)):
        if needs:
            yield f"  {word}: {', '.join(needs)}"


def _by_person(kind: ShownBy, lang: str) -> str:
    from audit.policy import shown_by_words
    from reports.text import words_of

    return words_of(lang).term("error", shown_by_words(kind))


def _unsure(sure: str) -> str:
    return "" if sure in "AB" else f" (text not verified: sure {sure})"


def _ask(
    name: str | None, audit: Audit | None, given: list[str], author: str | None, key: Path | None, lang: str
) -> Iterator[str]:
    from audit.frameworks import load_framework
    from audit.policy import facts_of

    if name is None:
        raise UsageError("frameworks ask: got no framework; allowed: frameworks ask FRAMEWORK [AUDIT]")
    framework = load_framework(name)
    if given:
        _answer(framework, audit, given, author, key)
    answers = {} if audit is None else facts_of(audit).answers.get(name, {})
    for question in framework.questions:
        yield f"{question.id}: {question.asks.of(lang)}{_told(answers.get(question.id))}"
        yield from (f"    {one.id:<20} {one.says.of(lang)}" for one in question.choices)
    if any(one.id not in answers for one in framework.questions):
        first = framework.questions[0]
        where = "AUDIT" if audit is None else audit.record.id
        answer = f"--answer {first.id}={first.choices[0].id}"
        yield f"answer with: dokimasia frameworks ask {name} {where} {answer} (several: a,b; nothing of it: none)"


def _told(answered: Answered | None) -> str:
    if answered is None:
        return "  [open]"
    against = "".join(f"; against it: {_by(one)}" for one in answered.against)
    return f"  [{_by(answered)}{against}]"


def _by(answered: Answered) -> str:
    signed = "not signed" if answered.key is None else f"signed with {answered.key[:23]}"
    return f"{', '.join(answered.choices)}: {answered.author}, {answered.on}, {signed}"


def _answer(framework: Framework, audit: Audit | None, given: list[str], author: str | None, key: Path | None) -> None:
    """Append the answers to the reviews of the audit; nothing is written where one of them is wrong."""
    from pydantic import ValidationError

    from audit.errors import first_problem
    from audit.review import Answers, add_reviews
    from audit.signing import author_name, signing_key

    if audit is None:
        raise UsageError("--answer needs the audit that it is for: frameworks ask FRAMEWORK AUDIT")
    answers: dict[str, list[str]] = {}
    for one in given:
        question, _, choices = one.partition("=")
        answers[question] = [part.strip() for part in choices.split(",")]
    try:
        says = Answers(framework=framework.id, answers=answers)
    except ValidationError as error:
        raise UsageError(f"--answer: {first_problem(error).removeprefix('Value error, ')}") from None
    add_reviews(audit, says, author=author_name(author), key=signing_key(key))


def _covered(name: str, audit: Audit, lang: str) -> Iterator[str]:
    """Yield what an audit is evidence for, the clauses of which somebody has to think first."""
    from audit.frameworks import load_framework
    from audit.policy import coverage_of, status_words
    from reports.text import words_of

    words, found = words_of(lang), coverage_of(audit, load_framework(name))
    ended = words("coverage.day_unknown") if found.day is None else str(found.day)
    yield words("coverage.line_head", title=found.framework.title.of(lang), audit=found.audit, day=ended)
    yield from _answered(found, words)
    for one in found.clauses:
        yield from _row(one, words)
    yield ""
    counts = ((status_words(status), number) for status, number in found.counts().items() if number)
    yield ", ".join(f"{number} {words.term('error', status)}" for status, number in counts)
    yield words("note.clauses")


def _answered(found: Coverage, words: Words) -> Iterator[str]:
    """Yield who answered what, in the words of the questions."""
    from reports.frameworks.coverage_view import answer_rows
    from reports.text import Notation

    for row in answer_rows(found, Notation(words)):
        if row.answer:
            signed = words("coverage.signed" if row.signed else "coverage.unsigned")
            yield f"{row.question} {row.answer} ({row.who}, {row.when}, {signed})"
            yield from (f"    {one}" for one in row.against)


def _row(one: ClauseCoverage, words: Words) -> Iterator[str]:
    from audit.policy import RANK, status_words

    clause, status = one.clause, words.term("error", status_words(one.status))
    unsure = f" {words('coverage.unsure', sure=one.sure)}" if one.sure in ("C", "D") else ""
    yield f"{_SHOWN[one.status]} {clause.id} ({clause.ref}): {status}. {one.says.of(words.lang)}{unsure}"
    yield f"    {words.term('error', one.reason)}"
    if checks := ", ".join((*one.findings, *one.against, *one.undecided)):
        yield f"    {words('coverage.line_rests', checks=checks)}"
    if RANK.get(one.by_evidence, 0) > 1 and one.never is not None:
        yield f"    {words('coverage.line_never', what=one.never.of(words.lang))}"
    yield f"    {words('coverage.line_next', step=words.term('error', one.next_step))}"
