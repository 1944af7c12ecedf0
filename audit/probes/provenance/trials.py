"""Trials of `provenance.text_mark`: texts over 63 ids that hold as many green pairs as they shall, under two keys.

A text counts as marked or not by a hair: its p-value is next to the bound on either side, so that another bound, key or
count of pairs gives another rate. Texts name themselves, so that a script finds their ids whatever is asked with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from audit.probe import Answer, Trial, mean_of, overall
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import KnownMeasures

__all__ = ["mark_trials"]

_UNITS, _PAIRS, _IDS, _SHARE, _ALPHA = 32, 80, 64, 0.25, 0.01
_KEYS = (15485863, 2654435769)
_FOUND = (29, 19, 6)
"""Units in which the mark is found, of three texts each."""
_ATTACK, _CUT = "truncate at 0.5", 4
_FORMS = {6: "whole", 3: "truncated", 7: "forged", 4: "cut"}
"""What was done to a text of six words, told by how many it has."""

_Texts = Mapping[tuple[bool, bool], list[int]]
"""Whether the mark of each of both keys is found -> ids of a text of which that is so."""


def mark_trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return the trials, with a key of their own: what is secret plays no part in them."""
    tried = replace(
        probe, greenlist_ratio=_SHARE, hashing_key=_KEYS[0], key_env=None, key_file=None, mark=None, alpha=_ALPHA,
        prompt_words=None, draws=2, tokenizer="main", attacks=(), lengths=(), paraphraser=None,
        translator=None, known_keys=(),
    )
    texts = _texts(rng)
    attacked = replace(tried, put_in=False, draws=1, attacks=(_ATTACK, "meaning at 1"), lengths=(_CUT,))
    attacks = bool(probe.attacks or probe.lengths or probe.paraphraser or probe.translator)
    return [
        *(_trial(tried, texts, rng, dose) for dose in range(3)),
        *(_trial_of_attacks(attacked, texts, rng, dose) for dose in (1, 2) if attacks),
    ]


def _counts() -> dict[bool, int]:
    """Return how many of the pairs are green where a mark is just found, and where it is just not found."""
    import numpy as np
    from scipy.special import betainc

    more = betainc(np.arange(_PAIRS) + 1, _PAIRS - np.arange(_PAIRS), _SHARE)  # probability of more than so many
    least = int(np.argmax(more <= _ALPHA)) + 1  # as many or more are green with a probability of at most alpha
    return {True: least, False: least - 1}


def _texts(rng: np.random.Generator) -> _Texts:
    """Return ids of a text in which the mark of each of both keys is found, or not."""
    import numpy as np

    from detectors.provenance.text.green import LeftHashLists, colours_of_pairs

    (before, after), code = np.indices((_IDS, _IDS)).reshape(2, -1)[:, _IDS:], np.zeros((_IDS, _IDS), dtype=int)
    for place, key in enumerate(_KEYS):
        colours = colours_of_pairs(before, after, LeftHashLists(_IDS, _SHARE, key))
        code[before, after] += colours.astype(int) << place
    code[:, 0] = code[0] = -1
    green, found = _counts(), {}
    for first, second in product((True, False), repeat=2):
        both = round(green[first] * green[second] / _PAIRS)
        wanted = {3: both, 1: green[first] - both, 2: green[second] - both}
        found[first, second] = _walk({**wanted, 0: _PAIRS - sum(wanted.values())}, code, rng)
    return found


def _walk(wanted: dict[int, int], code: np.ndarray, rng: np.random.Generator) -> list[int]:
    """Return ids whose pairs, all different, have the colours `wanted` so often, the rare ones as early as they can."""
    import numpy as np

    left, free = dict(wanted), code.copy()
    ids = [int(rng.integers(1, _IDS))]
    while sum(left.values()):
        ways = ((one, np.flatnonzero(free[ids[-1]] == one)) for one, count in left.items() if count)
        one, places = next((one, places) for one, places in ways if len(places))
        after = int(rng.choice(places))
        free[ids[-1], after] = -1
        left[one] -= 1
        ids.append(after)
    return ids


def _trial(probe: Any, texts: _Texts, rng: np.random.Generator, dose: int) -> Trial:
    import numpy as np

    unit = np.tile(np.arange(_UNITS), 3)
    order = rng.permutation(_UNITS)
    marks = {
        "drawn": unit < _FOUND[dose], "other": order[unit] < 2 + 6 * dose, "plain": order[unit] < 1 + 3 * dose,
        "human": order[unit] < 5 * dose,
    }
    uneven = np.where(unit % 2, 1.5, 0.5)
    script = _Script(texts, marks, costs=0.25 * (1 + dose) * uneven, changed=0.2 * (1 + dose) * uneven)
    data = {"items": _frame("prompt", unit, rng), "unmarked": _frame("human", unit, rng)}
    return Trial(dose > 0, data, script.answers(put_in=probe.put_in), script.known(put_in=probe.put_in), probe)


@immutable
class _Script:
    """A model whose texts say what they are and their number, and the reader of their ids."""

    texts: _Texts
    marks: Mapping[str, np.ndarray]
    """What a text is -> whether the mark is found in it, [number]; of `other`, whether that of the second key is."""
    costs: np.ndarray
    """Nats that each token of a marked text is less likely by, [number]."""
    changed: np.ndarray
    """Share of its tokens that reading it does not give, [number]."""

    def answers(self, *, put_in: bool) -> dict[tuple[str, str], Answer]:
        """Return the answers; put_in: whether the audit puts the mark in, so that there are texts with and without."""
        found = {("main", "token_ids"): self.ids, ("main", "sample"): _written("plain" if put_in else "drawn")}
        return found | ({("main", "marked_sample"): self.marked, ("main", "trace"): self.trace} if put_in else {})

    def ids(self, items: Sequence[str]) -> Mapping[str, Any]:
        """Return the ids of each text."""
        return {"ids": [_ids_of(item, self.texts, self.marks) for item in items], "vocabulary": _IDS}

    def marked(self, items: Sequence[str]) -> Mapping[str, Any]:
        """Return a text with the mark after each prompt."""
        lost = [self.changed[int(item.split()[1])] for item in items]
        return {**_written("drawn")(items), "changed": lost, "elements": 8}

    def trace(self, items: Sequence[Any]) -> Mapping[str, Any]:
        """Return four tokens of each text."""
        import numpy as np

        told = [(kind, int(number)) for kind, number in (item.text.split() for item in items)]
        nats = [-2.0 - (self.costs[number] if kind == "drawn" else 0.0) for kind, number in told]
        return {"item": np.repeat(np.arange(len(items)), 4), "log_prob": np.repeat(nats, 4)}

    def known(self, *, put_in: bool) -> KnownMeasures:
        """Return what is known of these texts."""
        import numpy as np

        marks, green = self.marks, {found: count / _PAIRS for found, count in _counts().items()}
        known = {
            "detection_rate": mean_of(marks["drawn"], _UNITS), "other_key_rate": mean_of(marks["other"], _UNITS),
            "false_positive_rate": mean_of(marks["human"], _UNITS),
            "green_fraction": mean_of(np.where(marks["drawn"], green[True], green[False])),
        }
        if put_in:
            known["own_false_positive_rate"] = mean_of(marks["plain"], _UNITS)
            known["quality_cost"] = mean_of(self.costs, _UNITS)
            known["retokenised_share"] = mean_of(self.changed, _UNITS)
        return overall(known)


def _written(kind: str) -> Answer:
    """Return the script that answers each prompt with a text of a kind."""
    return lambda items: {"content": [f"{kind} {item.split()[1]}" for item in items], "problem": None}


def _ids_of(text: str, texts: _Texts, marks: Mapping[str, np.ndarray]) -> list[int]:
    """Return the ids of a text that says what it is and its number; of several draws the first line says it."""
    kind, _, number = text.partition("\n")[0].partition(" ")
    if kind not in marks or not number:  # a word by itself
        return []
    found = bool(marks[kind][int(number)])
    return texts[found, kind == "drawn" and bool(marks["other"][int(number)])]


def _frame(kind: str, unit: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame({"text": [f"{kind} {number}" for number in range(len(unit))], "unit": [f"u{n}" for n in unit]})
    frame.index = pd.Index([f"{kind}-{number}" for number in range(len(unit))], name="id")
    return frame.iloc[rng.permutation(len(frame))]


def _trial_of_attacks(probe: Any, texts: _Texts, rng: np.random.Generator, dose: int) -> Trial:
    """Return a trial in which a mark is found, or not, in each of its units' texts after each attack and cut."""
    import numpy as np

    unit = np.tile(np.arange(_UNITS), 3)
    order = {form: rng.permutation(_UNITS)[unit] for form in _FORMS.values()}
    marks = {form: order[form] < most - 8 * dose for form, most in zip(_FORMS.values(), (29, 26, 21, 32), strict=True)}
    known: KnownMeasures = {
        ("detection_rate", None): mean_of(marks["whole"], _UNITS),
        ("power_under_attack", _ATTACK): mean_of(marks["truncated"], _UNITS),
        ("worst_power_under_attack", None): mean_of(marks["truncated"], _UNITS),
        ("forgery_rate", None): mean_of(marks["forged"], _UNITS),
        ("power_by_length", f"{_CUT} tokens"): mean_of(marks["cut"], _UNITS),
    }
    return Trial(True, {"items": _frame("prompt", unit, rng)}, _attacked(texts, marks), known, probe)


def _attacked(texts: _Texts, marks: Mapping[str, np.ndarray]) -> dict[tuple[str, str], Answer]:
    """Return the answers of a model whose texts are six words, the second of which spells their number."""
    names = ["".join("abcdefghij"[int(one)] for one in str(number)) for number in range(3 * _UNITS)]
    numbers = {name: number for number, name in enumerate(names)}

    def of_text(words: list[str]) -> list[int]:
        form = _FORMS.get(len(words))
        return [1] if form is None else texts[bool(marks[form][numbers[words[1]]]), False]

    def ids(items: Sequence[str]) -> Mapping[str, Any]:
        return {"ids": [of_text(item.split()) for item in items], "vocabulary": _IDS}

    def written(items: Sequence[str]) -> Mapping[str, Any]:
        return {"content": [f"drawn {names[int(item.split()[1])]} is a a a" for item in items], "problem": None}

    return {("main", "token_ids"): ids, ("main", "sample"): written}
