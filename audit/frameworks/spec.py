"""A catalogue: the clauses of one law, standard or guidance, and what an audit could show for each.

    id: eu-ai-act                       clauses:
    title: {en: ..., ko: ...}           - id: art-15-1
    text: {en: ..., ko: ...}              ref: 15(1)
    status: staged                        role: [provider]
    sure: A                               when: {class: [annex_iii, annex_i]}
    checked: {on: 2026-11-27,             applies_from: {annex_iii: 2027-12-02, annex_i: 2028-08-02}
      against: primary-copy,              says: {en: ..., ko: ...}
      where: ...}                         dimensions: [quality, robustness]
    dates: [{on: ..., what: ...,          tests: [quality.samples | factuality.closed_book, robustness.text]
      sure: A}]                           strength: partial
    questions: [...]                      needs: [decided, limit_before]
    clauses: [...]                        full: [sealed]
                                          evidence: {en: ..., ko: ...}
                                          never: {en: ..., ko: ...}

All texts are ours, in English and Korean; no sentence of a standard is copied. Four strengths say what our evidence can
be: `direct`, the clause asks for this number, test or record, and ours is it; `partial`, ours bears on it and leaves
out a part; `process`, we show that a step was taken, never that it was done well; `none`, nothing of ours helps, and
the row is printed as a gap, with what a person shows for it (`shown_by`). What a positive status never says is the
clause's `never`: what no tool measures there.

`tests` are names of probes (`bias.decisions`), with a measure where only that serves (`bias.decisions:impact_ratio`) or
with what a probe says that it is about where only that does (`imported.scores@jailbreak`, by its option `about`),
alternatives of which one is enough (`a.b | c.d`, of models of other kinds), or `*` and `bias.*` for whatever the audit
asked. `needs` and `full` are conditions of one closed list that a rule looks up in the record: without one of `needs`
there is no evidence for the clause, without one of `full` it is partly supported at most.

`asks_for` says what the clause wants: a `level` (a failed limit then speaks against it), or only that a `test` is made
or a number told, whatever comes out: then every finding that gave numbers speaks for it, and none against it.

Who is bound is asked first. `role` holds choices of the question `role`; `when` lets a clause (or all of the framework)
apply only where the answers are among those named. `none`, "none of these", is an answer to every choice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from audit.errors import did_you_mean
from audit.strict_yaml import KeyPath, StrictModel
from detectors.immutable import immutable

__all__ = [
    "CLAIMS", "NEEDS", "NONE", "Alternative", "Checked", "Choice", "Clause", "Framework", "FrameworkStatus", "Need",
    "Question", "ShownBy", "SourcedDate", "Strength", "Sure", "Text", "TextWindow", "claims_in",
]

Sure = Literal["A", "B", "C", "D"]
"""A: the primary text or a word-for-word copy was read; B: several pages agree; C: one page; D: from knowledge."""
Strength = Literal["direct", "partial", "process", "none"]
AsksFor = Literal["level", "test"]
ShownBy = Literal[
    "policy", "roles", "document", "notice", "logs", "incidents", "suppliers", "engagement", "oversight", "study",
    "assessment", "monitoring", "rights", "law", "nothing",
]
"""What a person shows where an audit shows nothing; `nothing`: the clause permits, or binds a State or an authority."""
FrameworkStatus = Literal[
    "in force", "staged", "stayed", "under rescission", "replaced", "out of scope by its own words", "voluntary",
    "guidance",
]
Need = Literal[
    "decided", "declared", "gating", "interval", "limit_before", "controls", "trials", "power", "groups", "data",
    "data_source", "fingerprint", "run_facts", "sheet", "earlier", "handled", "reviewed", "approved", "approval_signed",
    "two_person", "sealed",
]
NEEDS: tuple[Need, ...] = get_args(Need)
"""Conditions on a record; `policy/coverage` looks each up by a rule:

decided          a mapped finding was held against a limit that could have been missed, and passed
declared         a mapped finding does not contradict a number declared before the first answer, and could have
gating           one that decides the verdict was
limit_before     its limit stands in the plan that was frozen first: no deviation, no earlier attempt
interval         every mapped finding's headline has an interval that may decide
power            of a mapped pass it is known what it would have seen
controls         every mapped check found the planted fault and spared the clean twin
trials           controls cover a mapped headline from question to interval
groups           a mapped measure is there for two groups or more
data             a mapped check audited data, and asked no model
data_source      the data of every mapped check have a digest, and a licence or a citation
fingerprint      the weights of the audited model, or the data, have a digest
run_facts        it is stored when, where and with which versions the audit ran
sheet            the plan says what the model is for and who answers for it
earlier          an audit of the same model that ended before lies beside this one, which loosens none of its limits
handled          each gating finding that did not pass has an owner, an action or a waiver in force
reviewed         people said of items whether the machine judged them rightly
approved         the audit is signed off
approval_signed  by an approval with a signature that holds
two_person       by another person than the one who asked for review
sealed           the seal is there and holds
"""
NONE = "none"
"""The answer "none of these" to a choice."""
CLAIMS = re.compile(
    r"\b(non-?)?complian(t|ce)\b|\bcertified\b|\bconformant\b|\bconforms\b"
    r"|준수함|준수합|준수했|준수됨|인증됨|인증되|인증받|인증을 받|적합함|적합합|적합 판정|적합하다|적합으로",
    re.IGNORECASE,
)
"""Words that nothing of ours may claim; `never` and `says`, which speak of the law, are not looked at."""
_PROBE = r"[a-z0-9_-]+\.[a-z0-9_-]+(:[a-z0-9_]+|@[a-z0-9_-]+)?"
_TEST = re.compile(rf"\*|[a-z0-9_-]+\.\*|{_PROBE}( \| {_PROBE})*")


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"got {text!r}; allowed: a day, as 2027-12-02") from None
    return text


def _id(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", text):
        raise ValueError(f"got {text!r}; allowed: small letters, digits, '.', '-' and '_', at most 64")
    return text


def _test(text: str) -> str:
    if not _TEST.fullmatch(text):
        allowed = "dimension.probe, dimension.probe:measure, dimension.probe@about, 'a.b | c.d', 'dimension.*', '*'"
        raise ValueError(f"got {text!r}; allowed: {allowed}")
    return text


def claims_in(text: str) -> list[str]:
    """Return the words of a text that would claim what no audit may claim."""
    return [hit[0] for hit in CLAIMS.finditer(text)]


Day = Annotated[str, AfterValidator(_day)]
"""A day, `2027-12-02`."""
Id = Annotated[str, AfterValidator(_id)]
Test = Annotated[str, AfterValidator(_test)]
Words = Annotated[str, Field(min_length=1, max_length=4000)]
When = dict[Id, Annotated[list[Id], Field(min_length=1)]]
"""Question -> answers of which one must be given."""


@immutable
class Alternative:
    """One of the probes of which one is enough for a test."""

    probe: str
    """`bias.decisions`, `bias.*` or `*`."""
    measure: str | None
    about: str | None

    @staticmethod
    def of(test: str) -> list[Alternative]:
        """Return the alternatives of a test."""
        found = (re.fullmatch(r"([^:@]+)(?::(.+))?(?:@(.+))?", one) for one in test.split(" | "))
        return [Alternative(*one.groups()) for one in found if one is not None]

    def names(self, probe: str) -> bool:
        """Tell whether it is a probe of this name."""
        return self.probe in ("*", probe) or (self.probe.endswith(".*") and probe.startswith(self.probe[:-1]))


class Text(StrictModel):
    """What a reader sees, in both languages."""

    en: Words
    ko: Words

    def of(self, lang: str) -> str:
        """Return the text in a language; English where it is neither."""
        return self.ko if lang == "ko" else self.en


class Checked(StrictModel):
    """When and against what the catalogue was checked."""

    on: Day
    against: Literal["primary", "primary-copy", "secondary", "knowledge"]
    where: Words
    """What was read, so that another person finds it."""


class SourcedDate(StrictModel):
    """A date of the framework."""

    on: Day
    what: Text
    sure: Sure


class Choice(StrictModel):
    """One answer to a question."""

    id: Id
    says: Text


class Question(StrictModel):
    """What a person has to say before any status is shown; several choices may be true at once."""

    id: Id
    asks: Text
    choices: list[Choice] = Field(min_length=1)
    """`none`, "none of these", is always one more."""

    @property
    def allowed(self) -> list[str]:
        """Ids of all answers."""
        return [*(one.id for one in self.choices), NONE]


class TextWindow(StrictModel):
    """What the clause asked for in an earlier time, where its text changed."""

    from_: Day = Field(alias="from")
    until: Day
    """Last day."""
    says: Text


class Clause(StrictModel):
    """One clause and what an audit can show for it."""

    id: Id
    ref: Words
    """As the text numbers it."""
    title: Text | None = None
    """A heading of ours, where the number alone says little."""
    role: list[Id] = Field(min_length=1)
    """Who owes it: choices of the question `role`."""
    when: When = Field(default={})
    """Question -> answers with one of which it applies."""
    applies_from: Day | dict[Id, Day] | None = None
    """First day; or choice -> first day, where it hangs on the answer to one question. Absent = always."""
    windows: list[TextWindow] = Field(default=[])
    sure: Sure | None = None
    """How sure its text and reference are; absent = as the framework's."""
    says: Text
    """What it asks for, in our words."""
    dimensions: list[Words] = Field(default=[])
    """What it is about, in words of ours: bias-data, bias-output, quality, process, ..."""
    tests: list[Test] = Field(default=[])
    """The tests that serve it; see above."""
    strength: Strength
    shown_by: ShownBy | None = None
    """Of strength `none`: what a person shows for it; absent = by means that nobody named."""
    asks_for: AsksFor = "level"
    """A level, against which a failed limit speaks; or a test or number, whatever comes out."""
    needs: list[Need] = Field(default=[])
    full: list[Need] = Field(default=[])
    evidence: Text | None = None
    """What an audit shows for it; absent with strength `none` only."""
    never: Text | None = None
    """What no tool measures here, printed with every positive status; absent with strength `none` only."""

    @model_validator(mode="after")
    def _whole(self) -> Clause:
        if self.strength == "none":
            if self.tests or self.needs or self.full or self.asks_for != "level":
                raise ValueError("strength none has no tests, needs or full, and asks for nothing that we have")
            return self
        if self.shown_by is not None:
            raise ValueError("shown_by goes with strength none")
        if self.evidence is None or self.never is None:
            raise ValueError(f"strength {self.strength} needs evidence and never")
        if not self.tests and not self.needs:
            raise ValueError(f"strength {self.strength} needs tests, or needs that a record can hold")
        if self.full and self.strength != "direct":
            raise ValueError(f"full goes with strength direct; what {self.strength} cannot lack stands in needs")
        if twice := set(self.needs) & set(self.full):
            raise ValueError(f"{', '.join(sorted(twice))} stands in needs and in full")
        return self

    def words_on(self, day: date | None) -> Text:
        """Return what it asks for on a day, by its windows."""
        held = (one for one in self.windows if day is not None and one.from_ <= day.isoformat() <= one.until)
        return next((one.says for one in held), self.says)


class Framework(StrictModel):
    """One law, standard or guidance."""

    id: Id
    title: Text
    text: Text
    """Which text in which version."""
    status: FrameworkStatus
    sure: Sure
    """How sure its clauses are, but for those that say otherwise."""
    checked: Checked
    dates: list[SourcedDate] = Field(min_length=1)
    note: Text | None = None
    when: When = Field(default={})
    """Question -> answers with one of which it applies at all, e.g. no exemption."""
    questions: list[Question] = Field(min_length=1)
    clauses: list[Clause] = Field(min_length=1)

    @property
    def asked(self) -> Mapping[str, Question]:
        """Question by id."""
        return {one.id: one for one in self.questions}

    def clause(self, name: str) -> Clause | None:
        """Return the clause of this id; None where there is none."""
        return next((one for one in self.clauses if one.id == name), None)

    def sure_of(self, clause: Clause) -> Sure:
        """Return how sure a clause's text is."""
        return clause.sure or self.sure

    def dated_by(self, clause: Clause) -> Question | None:
        """Return the question on whose answer the first day of a clause hangs; None where it hangs on none."""
        keys = clause.applies_from
        if not isinstance(keys, dict):
            return None
        return next((one for one in self.questions if set(keys) <= set(one.allowed)), None)

    def passed(self, day: str) -> list[str]:
        """Return the dates that lie behind the day on which the catalogue was checked, and not behind `day`."""
        return [one.on for one in self.dates if self.checked.on < one.on <= day]

    def mistakes(self) -> Iterator[tuple[KeyPath, str]]:
        """Yield (place, sentence) for ids that stand twice, and for what refers to something that is not there."""
        yield from _twice(("clauses",), [one.id for one in self.clauses])
        yield from _twice(("questions",), [one.id for one in self.questions])
        for index, question in enumerate(self.questions):
            yield from _twice(("questions", index, "choices"), [NONE, *(one.id for one in question.choices)], first=1)
        yield from self._unasked(("when",), self.when)
        for index, one in enumerate(self.clauses):
            yield from self._unasked(("clauses", index, "when"), one.when)
            yield from self._unasked(("clauses", index), {"role": one.role})
            if isinstance(one.applies_from, dict) and self.dated_by(one) is None:
                names = ", ".join(one.applies_from)
                yield ("clauses", index, "applies_from"), f"{names}: not choices of one question"

    def _unasked(self, place: KeyPath, when: Mapping[str, list[str]]) -> Iterator[tuple[KeyPath, str]]:
        """Yield what refers to a question or to an answer that is not there."""
        for name, answers in when.items():
            question = self.asked.get(name)
            if question is None:
                yield (*place, name), f"no question {name!r}{did_you_mean(name, self.asked)}"
                continue
            for at, answer in enumerate(answers):
                if answer not in question.allowed:
                    guess = did_you_mean(answer, question.allowed)
                    yield (*place, name, at), f"question {name!r} has no choice {answer!r}{guess}"


def _twice(place: KeyPath, ids: list[str], first: int = 0) -> Iterator[tuple[KeyPath, str]]:
    """Yield each id that stands once more; `first`: how many of `ids` come before those of the file."""
    for index, one in enumerate(ids):
        if one in ids[:index]:
            yield (*place, index - first, "id"), f"{one!r} stands twice"
