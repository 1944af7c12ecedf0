"""What a model is asked about an answer, so that every score of its uncertainty can be made of what it said.

    answer        its likeliest words; the log-probability and entropy of each token, and its two likeliest tokens
    alone         the same tokens with no prompt before them
    samples       other answers to the same prompt, and their log-probabilities
    P(True)       " A" and " B" after a question whether the answer is true, which has the two letters in either order
    verifier      samples against one another, against the answer and its sentences; tokens exchanged for likely others

Each is asked only of a model that can answer it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from numbers import Number
from typing import TYPE_CHECKING, Any

from audit.errors import DataError
from audit.model import Continuation, Pair
from audit.probes.items import without_nan
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Ask

__all__ = ["OBSERVED", "Asking", "given"]

OBSERVED = (
    "prompt", "answer", "reference", "context", "label", "unit", "finish", "problem", "samples", "sample_nats",
    "log_probs", "entropies", "log_probs_alone", "top_log_probs", "p_true", "confidence", "tokens", "others",
    "verified_samples", "verified_answer", "verified_sentences", "verified_alternatives",
)
"""Columns of what is observed; null where it was not asked, or nothing was known."""
_TRUE = (
    "Question: {prompt}\nPossible answer: {answer}\nIs the possible answer true or false?\n(A) {first}\n(B) {second}\n"
    "The possible answer is:"
)
_SPOKEN = (
    "Question: {prompt}\nPossible answer: {answer}\n"
    "How likely is it that the possible answer is right, from 0% to 100%?\nProbability:"
)
_PLACE = re.compile(r"\{(\w+)\}")
_ROUNDED = 1e-3
"""By which rounding may put a probability above 1, in nats."""
_UNSEEN = 8
"""Tokens of an answer that leave no byte in its text, as marks of its beginning and its end."""
_ORDERS = (("True", "False"), ("False", "True"))


def given(name: str, items: pd.DataFrame) -> pd.DataFrame:
    """Return answers made elsewhere, as `OBSERVED` has them.

    Raises DataError for a cell that is not what its field holds, and for lists that do not fit one another.
    """
    rows = [
        {**_asked_about(name, item, row), **_read(name, item, row)}
        for item, row in zip(items.index, items.to_dict("records"), strict=True)
    ]
    return _frame(rows, items)


def _taker(name: str, item: Any, row: Mapping[Any, Any]) -> Callable[[str, Callable[[Any], Any], str], Any]:
    """Return what reads a field of a row, null where there is nothing."""
    def take(field: str, of: Callable[[Any], Any], allowed: str) -> Any:
        cell = row.get(field)
        if cell is None or (isinstance(cell, float) and cell != cell):
            return None
        try:
            return of(cell)
        except (TypeError, ValueError):
            got = f"{name}: item {item!r} has {field} {str(cell)[:60]!r}"
            raise DataError(f"{got}; allowed: {allowed}") from None

    return take


def _asked_about(name: str, item: Any, row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what the data say of a prompt, whoever answers it."""
    take = _taker(name, item, row)
    texts = {field: take(field, _texts, "a text, or a list of texts") for field in ("reference", "context")}
    return {**texts, "prompt": row.get("prompt"), "unit": row.get("unit")}


def _read(name: str, item: Any, row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what the data say of an answer made elsewhere."""
    take, nats = _taker(name, item, row), "a list of numbers, none above 0"
    sure = take("confidence", _confidence, "a number from 0 to 1, or a text")
    found = {
        "log_probs": take("log_probs", _nats, nats),
        "entropies": take("entropies", _entropies, "a list of numbers, none below 0"),
        "answer": take("answer", _text, "a text"),
        "samples": take("samples", lambda cell: [_text(one) for one in _list(cell)], "a list of texts"),
        "sample_nats": take("sample_log_probs", lambda cell: [_summed(one) for one in _list(cell)],
                            "a list of numbers, none above 0, per sample"),
        "top_log_probs": take("top_log_probs", lambda cell: [_likeliest(one) for one in _list(cell)],
                              "a list of numbers per token, none above 0, the largest first"),
        "confidence": take("spoken", _text, "a text") if sure is None else sure,
        "label": take("label", _label, "0, 1, or none"),
    }  # fmt: skip
    _check_lengths(f"{name}: item {item!r}", found)
    return found


def _check_lengths(of: str, row: Mapping[str, Any]) -> None:
    """Raise DataError for numbers that are not of this answer's tokens, or of these samples."""
    told = {field: len(row[field]) for field in ("log_probs", "entropies", "top_log_probs") if row[field] is not None}
    if len(set(told.values())) > 1:
        got = ", ".join(f"{count} {field}" for field, count in told.items())
        raise DataError(f"{of} has {got}; allowed: as many of each, one a token of the answer")
    most = len((row["answer"] or "").encode(errors="replace")) + _UNSEEN
    for name, count in told.items():
        if row["answer"] is not None and count > most:
            got = f"{count} {name} for an answer of {most - _UNSEEN} bytes"
            raise DataError(f"{of} has {got}; allowed: one a token, so at most one a byte and {_UNSEEN} more")
    texts, nats = row["samples"], row["sample_nats"]
    if texts is not None and nats is not None and len(texts) != len(nats):
        raise DataError(f"{of} has {len(texts)} samples and {len(nats)} sample_log_probs; allowed: as many of each")


def _frame(rows: Sequence[Mapping[str, Any]], items: pd.DataFrame) -> pd.DataFrame:
    """Return rows as a frame of objects with every column of `OBSERVED`."""
    import pandas as pd

    cells = [{name: row.get(name) for name in OBSERVED} for row in rows]
    return without_nan(pd.DataFrame(cells, index=items.index, columns=list(OBSERVED), dtype=object))


def _list(cell: Any) -> list[Any]:
    if isinstance(cell, str | bytes):
        raise TypeError
    return list(cell)


def _text(cell: Any) -> str:
    if not isinstance(cell, str):
        raise TypeError
    return cell


def _texts(cell: Any) -> str | list[str]:
    """Return a text, or texts; a number is its digits."""
    if isinstance(cell, str):
        return cell
    return str(cell) if isinstance(cell, Number) else [one if isinstance(one, str) else str(one) for one in cell]


def _label(cell: Any) -> float:
    if (number := float(cell)) not in (0.0, 1.0):
        raise ValueError
    return number


def _numbers(cell: Any) -> list[float | None]:
    return [_known(one) for one in _list(cell)]


def _nats(cell: Any) -> list[float | None]:
    numbers = _numbers(cell)
    if any(one is not None and one > _ROUNDED for one in numbers):
        raise ValueError
    return numbers


def _entropies(cell: Any) -> list[float | None]:
    numbers = _numbers(cell)
    if any(one is not None and one < -_ROUNDED for one in numbers):
        raise ValueError
    return numbers


def _likeliest(cell: Any) -> list[float | None]:
    numbers = _nats(cell)
    known = [one for one in numbers if one is not None]
    if known != sorted(known, reverse=True):
        raise ValueError
    return numbers


def _summed(cell: Any) -> float | None:
    numbers = _nats(cell)
    return sum(one for one in numbers if one is not None) if numbers and None not in numbers else None


def _confidence(cell: Any) -> float | str:
    if isinstance(cell, str):
        return cell
    if not 0 <= float(cell) <= 1:
        raise ValueError
    return float(cell)


@immutable
class Asking:
    """How one shard of prompts is asked about."""

    name: str
    """Of the probe, for messages."""
    ask: Ask
    template: str
    draws: int
    temperature: float
    max_tokens: int
    stop: tuple[str, ...]
    p_true: bool = True
    spoken: bool = False
    entailment: bool = False
    alternatives: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    """What is known so far, a row an item."""

    def observed(self, items: pd.DataFrame) -> pd.DataFrame:
        """Return the answers of the model to the prompts, and all that it says of them, as `OBSERVED` has it."""
        given_rows = [
            _asked_about(self.name, item, row)
            for item, row in zip(items.index, items.to_dict("records"), strict=True)
        ]
        self.rows.extend({**row, "asked": self._prompt(row)} for row in given_rows)
        self._answer()
        self._sample()
        answered = [row for row in self.rows if row["answer"] is not None]
        self._trace(answered)
        if self.p_true and self.ask.can("log_prob"):
            self._true_or_false(answered)
        if self.spoken:
            prompts = [_about(_SPOKEN, row) for row in answered]
            told = self._told("sample", prompts, max_tokens=16, temperature=0, stop=["\n"])
            _spread(answered, "confidence", [one["content"] for one in told])
        if self.entailment or self.alternatives:
            self._verify(answered)
        return _frame(self.rows, items)

    def _prompt(self, row: Mapping[Any, Any]) -> str:
        context = row.get("context")
        shown = "" if context is None else context
        joined = shown if isinstance(shown, str) else "\n\n".join(shown)
        return _filled(self.template, context=joined, prompt=str(row["prompt"]))

    def _told(self, question: str, items: Sequence[Any], **options: Any) -> list[dict[Any, Any]]:
        """Return the answer to a question that has a row an item."""
        if not items:
            return []
        return self.ask(question, list(items), **options).to_dict("records")

    def _drawn(self, prompts: Sequence[str], temperature: float) -> list[dict[Any, Any]]:
        return self._told(
            "sample", prompts, max_tokens=self.max_tokens, temperature=temperature, stop=list(self.stop)
        )

    def _answer(self) -> None:
        for row, one in zip(self.rows, self._drawn([row["asked"] for row in self.rows], 0), strict=True):
            failed = one["finish"] == "error" or not isinstance(one["content"], str)
            row |= {"answer": None if failed else one["content"], "finish": "error" if failed else one["finish"]}
            row["problem"] = one["problem"]

    def _sample(self) -> None:
        """Draw samples, those that failed left out, and have them scored."""
        if not self.draws:
            return
        drawn = self._drawn([row["asked"] for row in self.rows for _ in range(self.draws)], self.temperature)
        for place, row in enumerate(self.rows):
            mine = drawn[place * self.draws : (place + 1) * self.draws]
            row["samples"] = [one["content"] for one in mine if isinstance(one["content"], str)]
        if self.ask.can("log_prob"):
            items = [Continuation(row["asked"], text) for row in self.rows for text in row["samples"]]
            nats = iter([_known(one["log_prob"]) for one in self._told("log_prob", items)])
            for row in self.rows:
                row["sample_nats"] = [next(nats) for _ in row["samples"]]

    def _trace(self, rows: Sequence[dict[str, Any]]) -> None:
        """Have the tokens of every answer scored, after its prompt and alone."""
        said = [Continuation(row["asked"], row["answer"]) for row in rows]
        if self.ask.can("trace"):
            for row, tokens in zip(rows, self._by_item("trace", said), strict=True):
                row["log_probs"] = [_known(one["log_prob"]) for one in tokens]
                row["entropies"] = [_known(one["entropy"]) for one in tokens]
            alone = self._by_item("trace", [row["answer"] for row in rows])
            for row, tokens in zip(rows, alone, strict=True):
                count = len(row["log_probs"])
                row["log_probs_alone"] = [_known(one["log_prob"]) for one in tokens[len(tokens) - count :]]
        if self.ask.can("token_alternatives"):
            k = max(2, self.alternatives)
            for row, told in zip(rows, self._told("token_alternatives", said, k=k), strict=True):
                row["top_log_probs"] = [list(one) for one in told["log_probs"] if one is not None]
                row["tokens"], row["others"] = list(told["tokens"]), [list(one) for one in told["alternatives"]]

    def _by_item(self, question: str, items: Sequence[Any]) -> list[list[dict[Any, Any]]]:
        found: list[list[dict[Any, Any]]] = [[] for _ in items]
        for one in self._told(question, items):
            found[one["item"]].append(one)
        return found

    def _true_or_false(self, rows: Sequence[dict[str, Any]]) -> None:
        items = []
        for row in rows:
            for first, second in _ORDERS:
                prompt = _about(_TRUE, row, first=first, second=second)
                true = " A" if first == "True" else " B"
                items += [Continuation(prompt, true), Continuation(prompt, " B" if true == " A" else " A")]
        nats = [_known(one["log_prob"]) for one in self._told("log_prob", items)]
        for place, row in enumerate(rows):
            told = nats[4 * place : 4 * place + 4]
            row["p_true"] = None if None in told else [told[:2], told[2:]]

    def _verify(self, rows: Sequence[dict[str, Any]]) -> None:
        """Ask the verifier for every pair of texts once; a row with a pair that it cannot read has none."""
        wanted = [self._pairs(row) for row in rows]
        pairs = list(dict.fromkeys(pair for one in wanted for nested in one.values() for pair in _flat(nested)))
        known = dict(zip(pairs, self._verified(pairs), strict=True))
        for row, one in zip(rows, wanted, strict=True):
            for name, nested in one.items():
                row[name] = None if any(None in known[pair] for pair in _flat(nested)) else _replaced(nested, known)

    def _verified(self, pairs: Sequence[Pair]) -> list[list[float | None]]:
        """Return (entailment, neutral, contradiction) of each pair: by the helper, or where there is none by rules."""
        if self.ask.can("verify", model="verifier"):
            told = self._told("verify", pairs, model="verifier")
            return [[_known(one[name]) for name in ("entailment", "neutral", "contradiction")] for one in told]
        from detectors.factuality.lexical import lexical_scores

        rows: list[list[float | None]] = lexical_scores(
            [one.premise for one in pairs], [one.hypothesis for one in pairs]
        ).tolist()
        return rows

    def _pairs(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the pairs that a row needs, nested as their columns are."""
        from detectors.factuality.claims import sentences

        found: dict[str, Any] = {}
        answer, samples, about = row["answer"], row.get("samples") or [], row["prompt"]
        whole = [f"{about} {one.strip()}" for one in samples]
        if self.entailment and len(samples) > 1:
            own = f"{about} {answer.strip()}"
            parts = [span.of(answer) for span in sentences(answer)]
            found["verified_samples"] = [[Pair(one, other) for other in whole] for one in whole]
            found["verified_answer"] = [[Pair(own, one), Pair(one, own)] for one in whole]
            found["verified_sentences"] = [[Pair(one, part) for one in samples] for part in parts]
        if self.alternatives and row.get("tokens"):
            found["verified_alternatives"] = _exchanged(row["tokens"], row["others"], about)
        return found


def _exchanged(tokens: Sequence[str], others: Sequence[Sequence[str]], about: str) -> list[list[list[Pair]]]:
    """Return, per token and other token in its place, the pairs (as it stands, exchanged) and back."""
    own, found = f"{about} {''.join(tokens).strip()}", []
    for place, names in enumerate(others):
        before, after = "".join(tokens[:place]), "".join(tokens[place + 1 :])
        texts = [f"{about} {(before + name + after).strip()}" for name in names]
        found.append([[Pair(own, text), Pair(text, own)] for text in texts])
    return found


def _flat(nested: Any) -> list[Pair]:
    return [nested] if isinstance(nested, Pair) else [pair for part in nested for pair in _flat(part)]


def _replaced(nested: Any, known: Mapping[Pair, Any]) -> Any:
    return known[nested] if isinstance(nested, Pair) else [_replaced(part, known) for part in nested]


def _about(template: str, row: Mapping[str, Any], **words: str) -> str:
    return _filled(template, answer=row["answer"].strip(), prompt=str(row["prompt"]), **words)


def _filled(template: str, **words: str) -> str:
    """Return the template with its places filled at once, so that what fills one is no place for another."""
    return _PLACE.sub(lambda match: words.get(match[1], match[0]), template)


def _spread(rows: Sequence[dict[str, Any]], name: str, values: Sequence[Any]) -> None:
    for row, value in zip(rows, values, strict=True):
        row[name] = value


def _known(number: Any) -> float | None:
    """Return a number, None for what is not known."""
    return None if number is None or number != number else float(number)
