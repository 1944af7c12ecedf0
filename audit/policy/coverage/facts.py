"""What the rules look at: an audit's findings, and what stands around them, read once from its folder.

    facts_of(audit)     record, run.json, reviews and seal; nothing is measured, no clock is read

The day is that on which the audit ended, by run.json; without it nobody knows which clauses were in force. Answers to
the questions of a framework are the latest of the reviews, question by question: by a key that is known here
(`DOKIMASIA_KEYS`), else by any key, else without signature. Who says otherwise is told beside the answer that stands.
An entry whose signature does not hold says nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import date, datetime

from audit.errors import DokimasiaError
from audit.integrity import check_seal
from audit.policy.coverage.mapping import usable
from audit.record import Audit, Deviation, Finding, Limit, Record, RunFacts, Sheet, load_record
from audit.review import Answers, Entry, ReviewState, sign_off_of, signature_of, state_of
from audit.signing import known_keys
from detectors.immutable import immutable

__all__ = ["Answered", "Facts", "facts_of"]


@immutable
class Answered:
    """One question of a framework, answered."""

    choices: tuple[str, ...]
    """Ids of what is true; `none` alone where nothing of it is."""
    author: str
    on: date
    key: str | None
    """Fingerprint of the key that signed it; None without one."""
    against: tuple[Answered, ...] = ()
    """What others answered who say otherwise, and whose word does not stand."""


@immutable
class Facts:
    """All that decides what an audit is evidence for."""

    findings: tuple[Finding, ...]
    """As the machine found them, each with the worse verdict where people's overrides gave it another one."""
    day: date | None
    """When the audit ended; None where nobody knows."""
    deviations: tuple[Deviation, ...] = ()
    again: frozenset[str] = frozenset()
    """Checks that are not the first attempt."""
    digest: bool = False
    """Whether the weights, or the data, that were audited have a digest that anybody can compute."""
    sheet: Sheet | None = None
    versions: bool = False
    """Whether it is stored with which versions it ran."""
    earlier: bool = False
    """Whether another audit of the same model lies beside this one that ended before, and whose limits this one keeps;
    the same plan run again, of the same weights or whoever answered, is none."""
    handled: frozenset[str] = frozenset()
    """Checks that have an owner, an action, or a waiver that holds."""
    reviewed: frozenset[str] = frozenset()
    """Checks of whose items people said whether the machine judged them rightly."""
    approved: bool = False
    approval_signed: bool = False
    two_person: bool = False
    sealed: bool = False
    answers: Mapping[str, Mapping[str, Answered]] = field(default_factory=dict)
    """Framework -> question -> answer."""


def facts_of(audit: Audit) -> Facts:
    """Read them; IntegrityError where reviews or seal are not what was written."""
    record, state = audit.record, state_of(audit)
    entries = tuple(one for one in state.entries if signature_of(one) != "broken")
    approval = _approval(audit, entries)
    main = record.models.get("main")
    digest = record.data.digest if record.data is not None else "" if main is None else main.fingerprint
    return Facts(
        findings=tuple(_worse(one, state) for one in record.findings),
        day=_day(audit.run),
        deviations=tuple(record.deviations),
        again=frozenset(one.check for one in record.attempts),
        digest=digest.startswith("sha256:") and "unverifiable" not in digest,
        sheet=record.sheet,
        versions=audit.run is not None and bool(audit.run.versions),
        earlier=_earlier(audit),
        handled=frozenset(one.check for one in record.findings if _handled(state, one.check)),
        reviewed=frozenset(check for check, items in state.calls.items() if items),
        approved=approval is not None,
        approval_signed=approval is not None and signature_of(approval) == "holds",
        two_person=sign_off_of(audit, entries, two_person=True).decision == "approved",
        sealed=check_seal(audit) is not None,
        answers=_answers(entries, known_keys().keys()),
    )


def _worse(finding: Finding, state: ReviewState) -> Finding:
    """Return a finding with the verdict after review, where that speaks less for the model."""
    reviewed = state.reviewed.get(finding.check)
    if reviewed is None or reviewed.informs or finding.verdict == "failed":
        return finding
    after = reviewed.finding.verdict
    return finding.model_copy(update={"verdict": after}) if after in ("failed", "inconclusive") else finding


def _approval(audit: Audit, entries: tuple[Entry, ...]) -> Entry | None:
    """Return the entry by which the audit stands approved; None where it does not."""
    signing = sign_off_of(audit, entries)
    if signing.decision != "approved":
        return None
    return next(row.entry for row in reversed(signing.rows) if row.decision == "approved" and row.counts)


def _handled(state: ReviewState, check: str) -> bool:
    said = state.of(check)
    return said.owner is not None or said.action is not None or state.waived(check)


def _day(run: RunFacts | None) -> date | None:
    try:
        return None if run is None else datetime.fromisoformat(run.finished).date()
    except ValueError:
        return None


def _earlier(audit: Audit) -> bool:
    """Tell whether a finished audit of the same model, or the same data, lies beside this one and ended before.

    The same frozen plan run again, of whoever answered then, is no comparison in time: weights that changed are another
    frozen plan, and an endpoint behind which another model answers has another identity.
    """
    mine, ended = _audited(audit.record), "" if audit.run is None else audit.run.finished
    if mine is None or not ended:
        return False
    for folder in sorted(audit.folder.parent.iterdir()):
        if folder.name == audit.folder.name or not (folder / "record.json").is_file():
            continue
        try:
            other = load_record(folder)
        except DokimasiaError:
            continue
        before = other.run is not None and other.run.finished < ended
        again = _asked(other.record) == _asked(audit.record)
        if before and not again and _audited(other.record) == mine and _asks_no_less(audit.record, other.record):
            return True
    return False


def _asked(record: Record) -> tuple[str, dict[str, object]]:
    """Return the digest of the frozen plan, which holds the weights and data, and who its endpoints were."""
    return record.plan, {name: one.identity for name, one in record.models.items()}


def _asks_no_less(now: Record, then: Record) -> bool:
    """Tell whether what an earlier audit asked, with numbers, is asked again with its limits or stricter ones."""
    mine = {(one.check, one.probe): one for one in now.findings}
    pairs = [(one, mine.get((one.check, one.probe))) for one in then.findings]
    kept = all(
        _no_looser(None if new is None else new.limit, old.limit) and (new is None or new.gating or not old.gating)
        for old, new in pairs
    )
    return kept and now.level >= then.level and any(new is not None and usable(old) for old, new in pairs)


def _no_looser(now: Limit | None, then: Limit | None) -> bool:
    if now is None or then is None:
        return now is then  # a limit that was set when the numbers were known is none that was kept
    if (now.measure, now.group) != (then.measure, then.group):
        return False
    above = then.at_most is None or (now.at_most is not None and now.at_most <= then.at_most)
    below = then.at_least is None or (now.at_least is not None and now.at_least >= then.at_least)
    return above and below


def _audited(record: Record) -> str | None:
    """Return what says which model, or which data under which name, was audited."""
    if record.data is not None:
        return f"data {record.data.name}"
    main = record.models.get("main")
    return None if main is None else f"{main.family} {main.name}"


def _answers(entries: Iterable[Entry], known: Collection[str]) -> dict[str, dict[str, Answered]]:
    """Return framework -> question -> the answer that stands, with the others that speak against it.

    Who is known here is displaced by nobody who is not, who signed by nobody who did not; of equals the later stands.
    Against an answer speaks the last word of every other key, and one without signature where it is the later, if it
    says otherwise.
    """
    said: dict[str, dict[str, dict[str | None, Answered]]] = {}
    for entry in entries:
        if isinstance(entry.says, Answers):
            key = None if entry.key is None else entry.key.fingerprint
            of_framework = said.setdefault(entry.says.framework, {})
            for question, choices in entry.says.answers.items():
                voices = of_framework.setdefault(question, {})
                voices.pop(key, None)  # the last to speak stands last
                voices[key] = Answered(tuple(choices), entry.author, entry.at.date(), key)
    return {
        framework: {question: _standing(list(voices.values()), known) for question, voices in questions.items()}
        for framework, questions in said.items()
    }


def _standing(voices: Sequence[Answered], known: Collection[str]) -> Answered:
    """Return the answer that stands, of the last word of each voice in the order in which they were said."""
    trust = [(one.key in known) + (one.key is not None) for one in voices]
    place = max(range(len(voices)), key=lambda one: (trust[one], one))
    stands = voices[place]
    against = tuple(
        one for at, one in enumerate(voices)
        if set(one.choices) != set(stands.choices) and (one.key is not None or at > place)
    )  # fmt: skip
    return replace(stands, against=against)
