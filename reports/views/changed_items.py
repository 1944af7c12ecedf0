"""Items whose outcome is another one, as content: what each is, and what both models made of it.

    changes_view(letter, changes, notation) -> ChangesView      those that fail anew, and those that are fixed
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from detectors.immutable import immutable
from reports.text import Notation, Words, one_line

if TYPE_CHECKING:
    from audit.compare import Changes, Said

__all__ = ["ChangedItem", "ChangesView", "changes_view"]


@immutable
class ChangedItem:
    """One item with both outcomes."""

    id: str
    """Raw; a document makes it inert."""
    text: str
    """What it says, unless one of the answers says it; its id where it says nothing and has no picture."""
    right: str
    answers: tuple[str, str]
    """What A and the candidate made of it; empty where the items do not tell."""
    rows: tuple[int, int] = (0, 0)
    """Its row in the items of both, from 1; 0 = unknown."""
    column: str = ""
    pictures: tuple[Any, ...] = ()
    """What is drawn: one that both share, or that of A and that of the candidate."""
    line: str = ""
    """All of it on one line of plain text."""


@immutable
class ChangesView:
    """Items that fail or pass anew in one candidate."""

    letter: str
    failing: tuple[ChangedItem, ...]
    passing: tuple[ChangedItem, ...]
    sentence: str
    by_marks: bool
    """Whether an outcome is the mark that an item counts against the model."""


def changes_view(letter: str, changes: Changes, notation: Notation) -> ChangesView:
    """Return what changed from A to the candidate of this letter."""
    words = notation.words
    failing, passing = len(changes.newly_failing), len(changes.newly_passing)
    told = [
        words("compare.newly_failing", count=failing, number=f"{failing:,}", letter=letter),
        words("compare.newly_passing", count=passing, number=f"{passing:,}"),
        words("compare.counted", count=changes.counted, number=f"{changes.counted:,}"),
    ]
    test = words.term("compare_test", changes.test)
    if changes.p is not None:
        test = words("compare.tested", p=notation.number(changes.p, "p-value"), test=test)
    items = [
        tuple(_item(letter, one, changes.said.get(one), words) for one in ids)
        for ids in (changes.newly_failing, changes.newly_passing)
    ]
    sentence = words("format.list").join([*told, test])
    return ChangesView(letter, items[0], items[1], sentence, changes.by_marks)


def _item(letter: str, name: str, said: Said | None, words: Words) -> ChangedItem:
    if said is None:
        bare = one_line(name, words, 320)
        return ChangedItem(name, bare, "", ("", ""), line=bare)
    text = one_line(said.item or ("" if said.column else name), words, 320)
    answers = [None if one is None else one_line(words.term("cell", one), words, 240) for one in (said.a, said.b)]
    line = one_line(said.item or name, words, 160)
    if any(answers):
        none = words("format.undefined")
        a, b = (none if one is None else one_line(one, words, 60) for one in answers)
        line = words("compare.said", item=line, letter=letter, a=a, b=b)
    same = said.drawn[0] == said.drawn[1]
    return ChangedItem(
        name, "" if text in answers else text, "" if said.right is None else one_line(said.right, words, 120),
        (answers[0] or "", answers[1] or ""), said.rows, said.column,
        () if not said.column else said.drawn[:1] if same else said.drawn, line,
    )
