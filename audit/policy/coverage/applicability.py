"""Whether a clause binds at all: by a person's answers, and by the day of the audit.

    yes   no   later (its first day lies after the audit)   unknown (a question is open, or the day of the audit)

One answer that takes the clause away decides, whatever else is open. A clause whose first day hangs on an answer
applies from the earliest of the days that the answers name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import chain
from typing import Literal

from audit.frameworks import Clause, Framework, Question
from audit.policy.coverage.facts import Answered, Facts
from detectors.immutable import immutable

__all__ = ["Applies", "applies", "unanswered"]


@immutable
class Applies:
    """Whether a clause binds, and what decided it."""

    word: Literal["yes", "no", "later", "unknown"]
    question: str | None = None
    """The question whose answer decided it, or that is open."""
    choices: tuple[str, ...] = ()
    """What was answered."""
    since: date | None = None
    """First day, where it is known."""


def unanswered(framework: Framework, answers: Mapping[str, Answered]) -> tuple[Question, ...]:
    """Return the questions of a framework that nobody answered yet."""
    return tuple(one for one in framework.questions if one.id not in answers)


def applies(framework: Framework, clause: Clause, facts: Facts) -> Applies:
    """Tell whether a clause binds who answered the framework's questions, on the day of the audit."""
    answers = facts.answers.get(framework.id, {})
    if framework.status in ("replaced", "out of scope by its own words"):
        return Applies("no")
    wanted = list(chain([("role", clause.role)], clause.when.items(), framework.when.items()))
    for question, choices in wanted:
        given = answers.get(question)
        if given is not None and not set(given.choices) & set(choices):
            return Applies("no", question, given.choices)
    if (day := _first_day(framework, clause, answers)) is not None and day.word == "no":
        return day
    open_ends = [question for question, _ in wanted if question not in answers]
    if open_ends:
        return Applies("unknown", open_ends[0])
    return _by_day(framework, day, facts.day)


def _by_day(framework: Framework, first: Applies | None, today: date | None) -> Applies:
    if framework.status == "stayed":
        return Applies("later")
    if first is None or first.word == "unknown" or first.since is None:
        return first or Applies("yes")
    if today is None:
        return Applies("unknown", None, (), first.since)
    return Applies("later" if today < first.since else "yes", first.question, first.choices, first.since)


def _first_day(framework: Framework, clause: Clause, answers: Mapping[str, Answered]) -> Applies | None:
    """Return the first day of a clause; None where it has none, `unknown` while its question is open."""
    given = clause.applies_from
    if given is None:
        return None
    if isinstance(given, str):
        return Applies("yes", since=date.fromisoformat(given))
    question = framework.dated_by(clause)
    assert question is not None
    answer = answers.get(question.id)
    if answer is None:
        return Applies("unknown", question.id)
    days = sorted(_named(given, answer.choices))
    if not days:
        return Applies("no", question.id, answer.choices)
    return Applies("yes", question.id, answer.choices, days[0])


def _named(days: Mapping[str, str], choices: tuple[str, ...]) -> Iterator[date]:
    yield from (date.fromisoformat(days[one]) for one in choices if one in days)
