"""The forms in which an item is shown to a model, which of them are asked, and what is kept of the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from detectors.robustness.kinds import AGAIN, AS_IT_IS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Ask
    from detectors.result import Result
    from detectors.robustness.answers import Compared, Said

__all__ = ["Entry", "Form", "asked_of", "classified", "entries_of", "frame_of", "judged_answers", "strengths_problem"]

Form = tuple[str, float, Any]
"""Kind, strength, and the text or image."""


class Entry(NamedTuple):
    """A form, and whether it is asked: the item as it is, its repetitions, and what differs from it."""

    kind: str
    strength: float
    shown: Any
    changed: bool


def entries_of(forms: Iterable[Form]) -> Iterator[Entry]:
    """Yield the forms of an item, the one as it is first, with whether each is asked."""
    import numpy as np

    first: Any = None
    for kind, strength, shown in forms:
        first, asked = (shown if kind == AS_IT_IS else first), kind in (AS_IT_IS, AGAIN)
        if not asked:
            asked = shown != first if isinstance(shown, str) else not np.allclose(shown, first, rtol=1e-9, atol=1e-9)
        yield Entry(kind, strength, shown, asked)


def frame_of(index: pd.Index[Any], entries: Sequence[Sequence[Entry]], *, shown: bool = True) -> pd.DataFrame:
    """Return the lists `kinds`, `strengths`, `changed` of each item, and `asked` where what is shown is kept."""
    import pandas as pd

    from detectors.arrays import objects

    columns: dict[str, list[Any]] = {
        "kinds": [[one.kind for one in each] for each in entries],
        "strengths": [[one.strength for one in each] for each in entries],
        "changed": [[one.changed for one in each] for each in entries],
    }
    if shown:
        columns["asked"] = [[one.shown for one in each] for each in entries]
    return pd.DataFrame({name: objects(cells, index) for name, cells in columns.items()})


def classified(probe: str, ask: Ask, entries: Sequence[Sequence[Entry]], asked: pd.DataFrame) -> pd.DataFrame:
    """Return `probabilities` [entry][class] of each item, null where nothing had changed, and `names` of the classes.

    `names` is null where the classifier does not tell them. Raises DataError for a label that is none of them.
    """
    import pandas as pd

    from audit.probes.items import check_classes
    from detectors.arrays import objects

    shown = [one.shown for each in entries for one in each if one.changed]
    told = iter(ask("predict", shown)["probabilities"] if shown else ())
    cells = [[[float(p) for p in next(told)] if one.changed else None for one in each] for each in entries]
    named = ask("class_names", [None])["names"].iloc[0] if shown and ask.can("class_names") else None
    names = None if named is None else [str(one) for one in named]
    if names is not None:
        check_classes(probe, asked["label"], names)
    return pd.DataFrame({
        "probabilities": objects(cells, asked.index),
        "names": objects([names] * len(asked), asked.index),
    })


def judged_answers(
    rows: pd.DataFrame, said: list[list[Said | None]], compared: Compared, shown: list[list[str | None]], *,
    level: float, rng: np.random.Generator, likelihood: bool = False, kept: bool = True,
) -> Result:
    """Return what `detectors.robustness.stability` says of observed items, in the order of the asked ones `said`.

    shown [asked item][form]: each answer as a reader sees it.
    """
    import numpy as np
    import pandas as pd

    from detectors.arrays import objects
    from detectors.robustness.answers import changed_answers
    from detectors.robustness.stability import answer_stability, likelihood_stability

    asked = asked_of(rows)
    changes = changed_answers(asked["kinds"], asked["strengths"], asked["changed"], said, list(asked.index), compared)
    right = [np.nan if not one or one[0] is None else one[0].right for one in said]
    evidence = [name for name in _EVIDENCE if name in rows and (name == "not_asked" or rows[name].notna().any())]
    items = rows[evidence].assign(
        answer=objects([one[0] for one in shown], asked.index),
        answers=objects(shown, asked.index), correctness=pd.Series(right, asked.index, dtype=float),
    )
    if "unit" not in items or items["unit"].isna().all():
        items["unit"] = _repeated(asked).reindex(items.index)
    if likelihood:
        return likelihood_stability(items, changes, level=level, rng=rng)
    return answer_stability(items, changes, level=level, rng=rng, kept=kept)


def asked_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the items that were asked: all, where none can lack anything."""
    return rows[rows["not_asked"].isna()] if "not_asked" in rows else rows


def _repeated(asked: pd.DataFrame) -> pd.Series[Any]:
    """Return the unit of items that show the same, with the same choices: the id of the first; null of others."""
    from detectors.arrays import objects

    shown = asked["image"] if "image" in asked else asked["asked"].str[0]
    choices = asked["choices"] if "choices" in asked else [None] * len(asked)
    content = [_content(each) for each in zip(shown, choices, strict=True)]
    times, first = Counter(content), dict(zip(reversed(content), reversed(asked.index.astype(str)), strict=True))
    return objects([first[one] if times[one] > 1 else None for one in content], asked.index)


def _content(cell: Any) -> Any:
    """Return lists and arrays as tuples, which have a hash."""
    told = cell.tolist() if hasattr(cell, "tolist") else cell
    return tuple(map(_content, told)) if isinstance(told, list | tuple) else told


_EVIDENCE = (
    "question", "text", "image", "choices", "label", "group", "unit", "kinds", "strengths", "asked", "not_asked",
)
"""What is kept of an observed item where anything stands in it."""


def strengths_problem(kinds: Sequence[str], strengths: Sequence[float]) -> str | None:
    """Return what is wrong with kinds and strengths, or None."""
    if len(set(kinds)) < len(kinds):
        return f"kinds: got {', '.join(kinds)}; allowed: each once"
    if not strengths or len(set(strengths)) < len(strengths) or not all(0 < one <= 1 for one in strengths):
        return f"strengths: got {', '.join(f'{one:g}' for one in strengths) or 'none'}; allowed: some, more than 0 to 1"
    return None
