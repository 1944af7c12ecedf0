"""One item as a reader meets it: the choices that the model had, what was sent to it, what people say of it.

    choices_of(seen, notation)      the choices of a question, the likeliest first, with their shares among each other
    sent_of(plan, check, cells)     the prompt as the model got it, where the plan tells how it was made
    item_review(...)                what each person called the item, and what all calls do to the check's number

    share of choice i = exp(l_i) / sum over choices of exp(l_j),   l: log-probability in nats
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from audit.record import Finding
from detectors.immutable import immutable
from reports.text import Notation, cell_text, one_line
from reports.views.evidence import shown_cell
from reports.views.measure_rows import printed
from reports.views.review import called, signature_told

if TYPE_CHECKING:
    from audit.review import Override, Reviewed, ReviewState
    from detectors.result import Measure

__all__ = ["Choice", "ItemReview", "SaidOfItem", "choices_of", "effect_of", "item_review", "sent_of"]


@immutable
class Choice:
    """One choice of a question."""

    text: str
    share: float | None
    """Of its probability among the choices, 0 to 1; None where it has none."""
    percent: str
    nats: str
    right: bool
    preferred: bool
    sign: str
    """`passed` or `failed`, for what is right and for what the model wrongly prefers; empty for the others."""


@immutable
class SaidOfItem:
    """What one person says of an item."""

    author: str
    when: str
    word: str
    """What they called it; empty for a comment."""
    text: str
    signature: str


@immutable
class ItemReview:
    """What people say of one item."""

    said: tuple[SaidOfItem, ...]
    facts: tuple[tuple[str, str], ...]
    """(label, text) of owner and day."""
    effect: str
    """What all calls together do to the check's number and verdict."""


def choices_of(seen: Mapping[str, Any], notation: Notation) -> list[Choice]:
    """Return the choices of what was observed, the likeliest first; empty where no log-probability is stored.

    The two sentences of a pair are choices too, of which none is right.
    """
    texts, nats, right, wrong = _alternatives(seen)
    if not texts or not nats or len(texts) != len(nats):
        return []
    order = sorted(range(len(nats)), key=lambda at: -math.inf if nats[at] is None else nats[at], reverse=True)
    top = nats[order[0]]
    whole = 0.0 if top is None else sum(math.exp(one - top) for one in nats if one is not None)
    found = []
    for at in order:
        share = None if nats[at] is None else math.exp(nats[at] - top) / whole
        preferred = nats[at] is not None and nats[at] == top
        found.append(Choice(
            text=one_line(str(texts[at]), notation.words, 240), share=share,
            percent=notation.words("format.none") if share is None else notation.number(share, "share"),
            nats=shown_cell(nats[at], notation), right=at in right, preferred=preferred,
            sign="passed" if at in right else "failed" if preferred and at in wrong else "",
        ))
    return found


def _alternatives(seen: Mapping[str, Any]) -> tuple[list[str], list[Any], Set[int], Set[int]]:
    """Return the texts with their log-probabilities, and which of them are right and which are wrong."""
    if "log_prob_more" in seen and "log_prob_less" in seen:
        texts = [str(seen.get(name) or "") for name in ("more", "less")]
        return texts, [seen["log_prob_more"], seen["log_prob_less"]], frozenset(), frozenset({0})
    texts, nats, right = (list(seen.get(name) or ()) for name in ("choices", "log_probs", "correct"))
    return texts, nats, frozenset(right), frozenset(range(len(texts))) - frozenset(right)


def sent_of(plan: Mapping[str, Any], check: str, cells: Mapping[str, Any]) -> str:
    """Return the prompt that was sent for an item; empty where the frozen plan does not tell how it was made."""
    named = [one for one in plan.get("checks", ()) if isinstance(one, Mapping) and one.get("name") == check]
    probe = named[0].get("probe") if named else None
    form = probe.get("prompt") if isinstance(probe, Mapping) else None
    question = cells.get("question")
    if not isinstance(form, str) or not isinstance(question, str) or "{question}" not in form:
        return ""
    return form.replace("{question}", question)


def item_review(
    state: ReviewState, finding: Finding, item: str, notation: Notation,
    owners: Mapping[str, str] = MappingProxyType({}),
) -> ItemReview:
    """Return what people say of an item of a check; `owners` of known keys by fingerprint."""
    words, standing = notation.words, state.of(finding.check, item)
    calls = [
        (one.entry, _called(one.says, notation), one.says.reason)
        for one in state.calls.get(finding.check, {}).get(item, {}).values()
    ]
    comments = [(entry, "", entry.says.text) for entry in standing.comments if entry.says.kind == "comment"]
    facts = {"owner": standing.owner and one_line(standing.owner, words, 120),
             "due": standing.due and notation.day(standing.due)}
    return ItemReview(
        said=tuple(
            SaidOfItem(one_line(entry.author, words, 120), notation.moment(entry.at), word,
                       cell_text(text or "", words, 4000), signature_told(entry, words, owners))
            for entry, word, text in [*calls, *comments]
        ),
        facts=tuple((words(f"reviewed.{name}"), text) for name, text in facts.items() if text),
        effect=effect_of(state, finding, notation),
    )


def _called(says: Override, notation: Notation) -> str:
    if says.word is not None or says.value is None:
        return called(says.word or "", notation.words)
    return notation.words("called.value", value=notation.set_number(says.value, ""))


def effect_of(state: ReviewState, finding: Finding, notation: Notation) -> str:
    """Return in a line or two what people's calls do to the number and the verdict of a check."""
    words, headline = notation.words, finding.headline
    if headline is None or headline.mean_of is None or headline.value is None:
        return words("called.no_number")
    kept = sum(
        any(one.says.word in ("right", "wrong") and one.says.value is None for one in said.values())
        for said in state.calls.get(finding.check, {}).values()
    )
    told = _effect(state.reviewed.get(finding.check), finding, headline, notation)
    return f"{told} {words('called.kept', count=kept)}" if kept else told


def _effect(reviewed: Reviewed | None, finding: Finding, headline: Measure, notation: Notation) -> str:
    words, machine = notation.words, printed(headline, finding.limit, notation)
    if reviewed is None or not reviewed.changes:
        return words("called.unchanged", measure=machine.name, value=machine.value)
    if reviewed.measure is None:
        return words(f"problem.{reviewed.problem}")
    after = printed(reviewed.measure, finding.limit, notation)
    told = words(
        "called.effect", measure=machine.name, before=machine.value,
        after=f"{after.value} {after.interval}" if reviewed.measure.low is not None else after.value,
        count=len(reviewed.changes),
    )
    verdict = words(f"verdict.{reviewed.finding.verdict}")
    changed = reviewed.finding.verdict != reviewed.machine.verdict
    return f"{told} {words('called.becomes' if changed else 'called.stays', verdict=verdict)}"
