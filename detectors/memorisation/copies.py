"""Copies: passages that texts of a model share with a corpus, word for word or nearly, beside texts of people.

    copied          so many words or more in a row stand in a text and in a document, as they are
    nearly copied   in one case and without punctuation, a window of so many words of a text becomes a passage of a
                    document by few edits (words put in, left out or exchanged, as a share of the window)
    n-gram overlap  share of a text's runs of n normalised words that stand in the corpus

A window with at most e edits holds a run of (k - e) / (e + 1) unchanged words or more, one of its e + 1 parts: so near
copies are looked for around such runs (`LEAST` words at least), each at one place of the corpus where it stands. Where
it stands at several, another one may go on alike: so what is told of near copies is a lower bound.

What people write shares runs with a corpus, too: quotes, names of laws, licences. The same measures of texts that were
written without it (`held_out`) stand beside, and are to be of the same kind and about as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from detectors.held_out import HELD_OUT, beside, counted, mean_of
from detectors.immutable import immutable
from detectors.memorisation.runs import LEAST, Corpus, Form, Runs, runs_in
from detectors.memorisation.verbatim import edits
from detectors.result import Measure, Remark, Result

__all__ = ["Copying", "copies"]


@immutable
class Copying:
    """What counts as a copy."""

    words: int
    """Words of a passage that counts."""
    near: float
    """Share of its words that may be edited for a near copy."""
    ngram: int
    """Words of an n-gram."""

    @property
    def edits(self) -> int:
        """Most edits of a window."""
        return int(self.near * self.words + 1e-9)

    @property
    def seed(self) -> int:
        """Words of the run that every near copy holds."""
        return max(LEAST, -(-(self.words - self.edits) // (self.edits + 1)))


def copies(
    observed: Mapping[str, pd.DataFrame], setting: Copying, *, level: float, rng: np.random.Generator
) -> Result:
    """Return the measures, of texts and, as group `held_out`, of texts of people.

    observed: `corpus`, a document a row, with `text`; `items` and `held_out`, a text a row, with `output` (the text;
    null = none came), `unit` (or null) and `prompt` (or null).

    Measures: of `copied_share` and `near_copied_share` that of texts, the difference to held-out ones, and theirs;
    means of `copied_run`, `normalised_run` and `text_words` (words) and of `ngram_overlap` (share); `longest_run`
    (words), `short_texts` (too short to hold a copy, and taken for none). Items: the texts with their longest passage,
    its document, and from which character on it stands in both; the window that is nearest to a passage; `against`:
    texts, not held out, that hold a copy, or nearly one. A held-out text that stands whole in the corpus is left out.
    """
    texts = pd.concat([observed[role].assign(role=role) for role in ("items", HELD_OUT)])
    rows = _read(texts, observed["corpus"], setting)
    whole = rows["role"].eq(HELD_OUT) & rows["words"].gt(0) & rows["normalised_run"].eq(rows["plain_words"])
    told = {role: rows[rows["role"].eq(role) & ~whole] for role in ("items", HELD_OUT)}
    remarks = [Remark("held_out_in_corpus", {"count": float(whole.sum())})] if whole.any() else []
    return Result(tuple(_measures(told, setting, level, rng)), _evidence(rows, whole), remarks=tuple(remarks))


def _measures(
    told: Mapping[str, pd.DataFrame], setting: Copying, level: float, rng: np.random.Generator
) -> Iterator[Measure]:
    for name in ("copied", "near_copied"):
        yield from beside(name, told, level, rng, answered=True)
    for name, column, unit in _MEANS:
        for role, group in (("items", None), (HELD_OUT, HELD_OUT)):
            rows = told[role]
            scale = 1.0 if unit == "share" else float(rows["words"].max()) if rows["words"].gt(0).any() else 1.0
            yield mean_of(
                name, rows, column, level, rng, group=group, binary=False, scale=scale, unit=unit, answered=True
            )
    items = told["items"]
    came = items[~items["no_answer"]]
    if len(came):
        yield counted("longest_run", float(came["copied_run"].max()), len(came), level, "words")
    yield counted("short_texts", float((came["words"] < setting.words).sum()), len(came), level, "count")


_MEANS = (
    ("copied_run", "copied_run", "words"), ("normalised_run", "normalised_run", "words"),
    ("ngram_overlap", "ngram_overlap", "share"), ("text_words", "words", "words"),
)  # fmt: skip
"""Measure, its column, its unit."""


def _read(texts: pd.DataFrame, corpus: pd.DataFrame, setting: Copying) -> pd.DataFrame:
    """Return a row a text with what of it stands in the corpus; numbers are NaN where no text came."""
    came = texts["output"].notna().to_numpy(bool)
    outputs, documents = texts["output"][came].tolist(), corpus["text"].tolist()
    told: list[dict[str, Any]] = [{} for _ in outputs]
    for normalised, look in ((False, _copied), (True, _nearly)):
        found = Corpus(documents, Form(normalised))
        words = [found.form.words(text) for text in outputs]
        for one, text, cut, runs in zip(told, outputs, words, runs_in(found, words), strict=True):
            place = _Text(text, cut, runs, found, corpus.index)
            one.update(look(place, setting))
    rows = texts[["role", "prompt", "output", "unit"]].assign(no_answer=~came)
    whole = pd.DataFrame(told, np.flatnonzero(came), columns=[*_NUMBERS, *_SHOWN]).reindex(range(len(texts)))
    return rows.assign(**{name: whole[name].to_numpy(float) for name in _NUMBERS},
                       **{name: whole[name].to_numpy(object) for name in _SHOWN})  # fmt: skip


_NUMBERS = (
    "words", "copied_run", "copied", "plain_words", "normalised_run", "ngram_overlap", "near_edits", "near_copied",
    "output_at", "source_at",
)  # fmt: skip
_SHOWN = ("passage", "source", "source_passage", "near_passage", "near_source", "near_source_passage")


@immutable
class _Text:
    """A text of which it is known what stands in a corpus."""

    text: str
    words: list[str]
    runs: Runs
    corpus: Corpus
    ids: pd.Index[Any]

    def part(self, first: int, end: int) -> tuple[int, str]:
        """Return from which character on words `first` up to the one before `end` stand in the text, and that part."""
        spans = self.corpus.form.spans(self.text)
        return spans[first][0], self.text[spans[first][0] : spans[end - 1][1]]

    def source(self, first: int, end: int) -> tuple[str, int, str]:
        """Return the document of words of the corpus, from which character on they stand there, and that part."""
        document, (start, stop) = self.corpus.document_of(first), self.corpus.passage(first, end)
        return str(self.ids[document]), start, self.corpus.texts[document][start:stop]


def _copied(one: _Text, setting: Copying) -> dict[str, Any]:
    """Return the longest run of words, as they are, and where it stands on both sides."""
    longest = int(one.runs.length.max(initial=0))
    told: dict[str, Any] = {
        "words": len(one.words), "copied_run": longest, "copied": float(longest >= setting.words),
    }  # fmt: skip
    if longest:
        behind = int(one.runs.length.argmax()) + 1
        end = int(one.runs.end[behind - 1])
        told["output_at"], told["passage"] = one.part(behind - longest, behind)
        told["source"], told["source_at"], told["source_passage"] = one.source(end - longest, end)
    return told


def _nearly(one: _Text, setting: Copying) -> dict[str, Any]:
    """Return what stands there in one case and without punctuation, and the window that is most nearly there."""
    length, grams = one.runs.length, one.runs.length[setting.ngram - 1 :]
    told: dict[str, Any] = {
        "plain_words": len(one.words), "normalised_run": int(length.max(initial=0)), "near_copied": 0.0,
        "ngram_overlap": float((grams >= setting.ngram).mean()) if len(grams) else 0.0,
    }  # fmt: skip
    best = min(_windows(one, setting), default=None)
    if best is None:
        return told
    changed, at, first, end = best
    _, told["near_passage"] = one.part(at, at + setting.words)
    told["near_source"], _, told["near_source_passage"] = one.source(first, end)
    return told | {"near_edits": changed / setting.words, "near_copied": float(changed <= setting.edits)}


def _windows(one: _Text, setting: Copying) -> Iterator[tuple[int, int, int, int]]:
    """Yield of windows around runs: the edits, its first word, and the words (first, end) of the corpus beside it."""
    length, size, room = one.runs.length, setting.words, setting.words + setting.edits
    last = np.append(length[1:] != length[:-1] + 1, True)[: len(length)]
    for stop in np.flatnonzero((length >= setting.seed) & last).tolist():
        first, end = stop + 1 - int(length[stop]), int(one.runs.end[stop])
        start = end - int(length[stop])
        begin, words = one.corpus.around(start, end, room)
        for at in range(max(0, stop + 1 - size), min(first, len(one.words) - size) + 1):
            low = start + at - first - begin
            part = words[max(0, low - setting.edits) : low + room]
            changed = edits(*_as_signs(one.words[at : at + size], part), within=True)
            yield changed, at, begin + max(0, low), begin + min(len(words), low + size)
        if int(length[stop]) >= size:
            yield 0, first, start, start + size


def _as_signs(first: list[str], second: list[str]) -> tuple[str, str]:
    """Return words as signs, equal ones as the same."""
    signs: dict[str, str] = {}
    one, other = (
        "".join([signs.setdefault(word, chr(len(signs))) for word in words]) for words in (first, second)
    )
    return one, other


def _evidence(rows: pd.DataFrame, whole: pd.Series[bool]) -> pd.DataFrame:
    """Return the texts with what counts against the model: one of its texts that is copied, or nearly."""
    of_texts = rows["role"].eq("items")
    value = rows[["copied", "near_copied"]].max(axis=1)
    against = value.gt(0).astype("boolean").where(value.notna() & of_texts)
    weight = rows["copied_run"].where(of_texts)
    told = rows.assign(value=value.where(of_texts), against=against, weight=weight, left_out=whole)
    return told.drop(columns=[name for name in ("no_answer", "left_out") if not told[name].any()])
