"""Questions about made-up facts, each told by one of five sources: which one drives the answer is known.

    english, korean     sixteen questions after the code of a depot that there is not; one source tells it, two tell
                        other things of that depot, two the codes of others

Nobody can know such a code, so where a model is told the sources and finds the code likely, it read that one source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audit.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PARTS", "table"]

_QUESTIONS = 16


class _Words(NamedTuple):
    """The sentences of a language; `{name}` is a depot's, `{code}` its code."""

    names: tuple[tuple[str, ...], tuple[str, ...]]
    """Two halves of which names of depots are put together."""
    question: str
    fact: str
    others: tuple[str, str]


_WORDS: Mapping[str, _Words] = {
    "english": _Words(
        (("Vel", "Tor", "Mir", "Kas"), ("dane", "nobu", "quist", "lem")),
        "What is the entry code of the {name} depot?",
        "The entry code of the {name} depot is {code}.",
        ("The {name} depot stands behind the old mill.", "Two people work at the {name} depot on weekdays."),
    ),
    "korean": _Words(
        (("가람", "노을", "미리", "소라"), ("터", "벌", "재", "샘")),
        "{name} 창고의 출입 번호는 무엇입니까?",
        "{name} 창고의 출입 번호는 {code}입니다.",
        ("{name} 창고는 오래된 방앗간 뒤에 있습니다.", "{name} 창고에는 평일에 두 사람이 일합니다."),
    ),
}
PARTS = tuple(_WORDS)


def table(part: str) -> pd.DataFrame:
    """Return `prompt`, `context` (five sources), `gold` (the place of the one that tells) and `answer` of a part.

    Raises DataError for an unknown one.
    """
    import pandas as pd

    if part not in PARTS:
        raise DataError(f"planted: unknown part {part!r}{did_you_mean(part, PARTS)}")
    words, rng = _WORDS[part], np.random.default_rng(110)
    names = [first + second for first in words.names[0] for second in words.names[1]]
    codes = rng.permutation(np.arange(1000, 10000))[:_QUESTIONS].tolist()
    facts = [words.fact.format(name=name, code=code) for name, code in zip(names, codes, strict=True)]
    rows = []
    for place, (name, code) in enumerate(zip(names, codes, strict=True)):
        beside = [facts[(place + step) % _QUESTIONS] for step in (1, 5)]
        sources = [facts[place], *(text.format(name=name) for text in words.others), *beside]
        order = rng.permutation(len(sources)).tolist()
        rows.append({
            "prompt": words.question.format(name=name), "context": [sources[one] for one in order],
            "gold": [str(order.index(0))], "answer": str(code),
        })  # fmt: skip
    return pd.DataFrame(rows)
