"""The words for statuses, conditions and caps, as phrases that every language tells."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Literal

from audit.frameworks import Need, ShownBy
from detectors.phrases import Phrase

__all__ = [
    "Cap", "ClauseStatus", "absent_words", "cap_words", "how_words", "listed", "need_words", "shown_by_words",
    "status_words", "words_of_tests",
]

ClauseStatus = Literal[
    "supported", "partly supported", "contradicted", "inconclusive", "no evidence", "not applicable",
    "not yet in force", "evidence exists, applicability not stated",
]
Cap = Literal["partial", "process", "not_full", "post_hoc", "imported", "no_control", "not_run", "undecided",
              "no_limit"]  # fmt: skip
"""Why a status is no more than partly supported: the clause's strength; a condition of `full`; a limit that was not
fixed before; another tool's results; a check without control; mapped tests that were not run; findings that decide
nothing; a clause that asks for a level, and a number without a limit."""

_STATUS: dict[ClauseStatus, str] = {
    "supported": "supported", "partly supported": "partly supported", "contradicted": "contradicted",
    "inconclusive": "inconclusive", "no evidence": "no evidence", "not applicable": "not applicable",
    "not yet in force": "not yet in force",
    "evidence exists, applicability not stated": "evidence exists, applicability not stated",
}
_NEED: dict[Need, str] = {
    "decided": "a limit that was kept, and could have been missed",
    "declared": "a number declared before the first answer, which the audit could have contradicted and did not",
    "gating": "a limit that decides the verdict",
    "limit_before": "a limit that was fixed before the first answer",
    "interval": "an interval that may decide",
    "power": "the size of the effect that would have been seen",
    "controls": "controls that held",
    "trials": "controls from question to interval",
    "groups": "numbers for two groups or more",
    "data": "an audit of the data themselves",
    "data_source": "digest, and licence or citation, of the data",
    "fingerprint": "a digest of the weights or data",
    "run_facts": "when and with which versions it ran",
    "sheet": "the model's purpose and owner",
    "earlier": "an earlier audit of the same model beside it, with limits that this one keeps",
    "handled": "an owner, action or waiver for each gating finding that did not pass",
    "reviewed": "people's word on items",
    "approved": "an approval",
    "approval_signed": "a signed approval",
    "two_person": "an approval signed with another key than the one that signed the request for review",
    "sealed": "a seal",
}
_HOW: dict[Need, str] = {
    "decided": "give a check a limit, and audit",
    "declared": "state the declared number in a plan (declared:), and audit",
    "gating": "let the check with the limit decide the verdict",
    "limit_before": "fix the limit in a plan before the model is asked",
    "interval": "ask as many units as the interval needs",
    "power": "give the check a limit and enough units",
    "controls": "use a probe with controls",
    "trials": "use a probe with trials",
    "groups": "name the groups in the data",
    "data": "audit the training data",
    "data_source": "state licence or citation of the data in the plan",
    "fingerprint": "audit weights on disk",
    "run_facts": "keep run.json",
    "sheet": "state purpose and owner in the plan's sheet",
    "earlier": "audit the next version into the same folder of audits, with the same limits",
    "handled": "name an owner or an action for what did not pass (dokimasia review)",
    "reviewed": "let people look at items (dokimasia review --call)",
    "approved": "have it approved (dokimasia review --approve)",
    "approval_signed": "approve with a key (dokimasia review --approve --key)",
    "two_person": "let one person ask for review and another one approve, each with a key of their own",
    "sealed": "seal it (dokimasia seal)",
}
_CAP: dict[Cap, str] = {
    "partial": "what an audit measures leaves out a part of the clause",
    "process": "an audit shows that a step was taken, never that it was done well",
    "not_full": "it lacks what full support needs",
    "post_hoc": "a limit was not fixed before the first answer",
    "imported": "results come from another tool, and only the plan says what they are about",
    "no_control": "a check has no control of its own",
    "not_run": "mapped tests were not run",
    "undecided": "findings on it decide nothing",
    "no_limit": "it asks for a level, and no limit that could be missed says which number is enough",
}


_SHOWN_BY: dict[ShownBy, str] = {
    "policy": "the rule or plan in force, with who approved it and when",
    "roles": "who answers for it, by name or office, with their means and training",
    "document": "the document that says it, with its owner and date",
    "notice": "what people are shown, as they see it, and when",
    "logs": "the logs of the system in use, and how long they are kept",
    "incidents": "the register of incidents and complaints, with what was done and when",
    "suppliers": "the contracts, and what the suppliers show themselves",
    "engagement": "who was asked, what they said, and what came of it",
    "oversight": "a trial of the override, the switch or the fallback by those who would use it",
    "study": "the study or test with people or outside systems: its design, who took part, its result",
    "assessment": "the assessment, with who made it, on what it rests, and what was decided",
    "monitoring": "numbers of the system in use, over time",
    "rights": "licences, contracts, consent or another ground for the data and the content",
    "law": "a lawyer's reading of whether and how it applies",
    "nothing": "nothing is asked of you: it permits something, or binds a State or an authority",
}


def shown_by_words(kind: ShownBy) -> Phrase:
    """Return what a person shows where an audit shows nothing."""
    return Phrase(_SHOWN_BY[kind])


def status_words(status: ClauseStatus) -> Phrase:
    """Return the status as a phrase."""
    return Phrase(_STATUS[status])


def need_words(need: Need) -> Phrase:
    """Return what a condition asks for."""
    return Phrase(_NEED[need])


def how_words(need: Need) -> Phrase:
    """Return what would make a condition hold."""
    return Phrase(_HOW[need])


def cap_words(cap: Cap) -> Phrase:
    """Return why a status is no more than partly supported."""
    return Phrase(_CAP[cap])


def listed(parts: Iterable[Phrase]) -> Phrase:
    """Return phrases one after the other, as one that every language can tell; there is one at least."""
    return reduce(lambda told, one: Phrase("{first}; {then}", first=told, then=one), parts)


def words_of_tests(tests: Iterable[str]) -> Phrase | str:
    """Return the tests of a clause, one or more, as a list; of each of the alternatives of a test one is enough."""
    each = (reduce(_either, test.split(" | ")) for test in tests)
    return reduce(lambda told, one: Phrase("{first}, {then}", first=told, then=one), each)


def absent_words(tests: Iterable[str]) -> Phrase:
    """Return which tests of a clause were not run."""
    return Phrase("not run: {tests}", tests=words_of_tests(tests))


def _either(one: Phrase | str, other: str) -> Phrase | str:
    return Phrase("{one} or {other}", one=one, other=other)
