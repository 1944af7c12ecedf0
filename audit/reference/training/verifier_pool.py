"""The pairs that our verifier learns from: published sets whose licence lets a model be shipped, and corruptions.

    cad_nli        counterfactually augmented SNLI (Kaushik et al. 2020), Apache-2.0
    conj_nli       ConjNLI's automatic training part (Saha et al. 2020), MIT
    foolmetwice    FoolMeTwice dev: claims and their evidence from Wikipedia (Eisenschlos et al. 2021), Apache-2.0
    synthetic      `corruptions` of their sentences, in sources of several sentences

Sets under share-alike or non-commercial terms, or under none, are left out: HELP, MED, Breaking-NLI, SICK, ANLI,
HealthVer, climate-fever, covidfact. SummEdits and BEGIN are left out because the card reports them as unseen.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from audit.errors import DataError
from audit.reference.training.corruptions import corrupt, reword
from detectors.immutable import immutable

__all__ = ["LABELS", "UNSUPPORTED", "Files", "Row", "pool"]

LABELS = ("entailment", "neutral", "contradiction")
UNSUPPORTED = 3
"""Target of a claim that is not entailed, where which of the two others it is was not said."""
_CONJUNCTIONS = 9000
"""Rows of ConjNLI that are used: the rest is more of the same."""
_WORDS = 110
"""Most words of a source."""
_END = re.compile(r"(?<=[.!?])\s+")

Row = tuple[str, str, int]
"""Premise, hypothesis, target: a position in LABELS, or UNSUPPORTED."""


@immutable
class Files:
    """Where the published sets lie."""

    cad_nli: Path
    """all_combined_train.tsv"""
    conj_nli: Path
    """adversarial_train_15k.tsv"""
    foolmetwice: Path
    """dev.jsonl"""


def pool(files: Files, seed: int) -> list[Row]:
    """Return all training pairs, in an order that the seed decides. Raises DataError for a file of another layout."""
    random = np.random.default_rng(seed)
    cad = _table(files.cad_nli, ("sentence1", "sentence2", "gold_label"))
    conj = _table(files.conj_nli, ("Premise", "Hypothesis", "Label"))
    conj = [conj[place] for place in random.permutation(len(conj))[:_CONJUNCTIONS]]
    pages = _pages(files.foolmetwice)
    rows = [*cad, *conj, *_evidence(pages, random)]
    stray = [premise for premise, _, _ in conj]
    rows += _synthetic([page.sentences for page in pages], random)
    rows += _synthetic([[stray[place] for place in random.integers(0, len(stray), 4)] for _ in range(1500)], random)
    rows += _twisted([row for row in (*cad, *conj) if row[2] == 0], random)
    rows += _surrounded(cad + conj, stray, random)
    return [rows[place] for place in random.permutation(len(rows))]


@immutable
class _Page:
    claim: str
    supported: bool
    gold: list[str]
    sentences: list[str]
    """Gold and retrieved evidence."""


def _table(path: Path, columns: Sequence[str]) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        missing = [column for column in columns if column not in (table.fieldnames or ())]
        if missing:
            raise DataError(f"{path}: no column {missing[0]!r}; wanted {', '.join(columns)}")
        rows = [[_plain(row[column] or "") for column in columns] for row in table]
    return [(one, two, LABELS.index(label)) for one, two, label in rows if one and two and label in LABELS]


def _plain(text: str) -> str:
    """Return a cell without the quotes of the file and blanks that repeat."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('""', '"')
    return " ".join(text.split())


def _pages(path: Path) -> list[_Page]:
    pages = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                row = json.loads(line)
                kinds = ("gold_evidence", "retrieved_evidence")
                gold, others = ([_plain(one["text"]) for one in row[kind]] for kind in kinds)
                sentences = list(dict.fromkeys(gold + others))
                pages.append(_Page(_plain(row["text"]), row["label"] == "SUPPORTS", gold, sentences))
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(f"{path}: not laid out as FoolMeTwice is ({type(error).__name__})") from None
    return pages


def _evidence(pages: Sequence[_Page], random: np.random.Generator) -> Iterator[Row]:
    """Yield each claim with its gold evidence, with that among others, and with the evidence left out."""
    for page in pages:
        target = 0 if page.supported else 2
        yield " ".join(page.gold), page.claim, target
        others = [one for one in page.sentences if one not in page.gold]
        if others:
            yield _source(page.gold, others, random), page.claim, target
            if random.random() < 0.5:
                yield _source([], others, random), page.claim, UNSUPPORTED


def _source(kept: Sequence[str], others: Sequence[str], random: np.random.Generator, most: int = 4) -> str:
    """Return a text with the kept sentences among some others, shuffled, of at most so many words."""
    order = random.permutation(len(others))[: int(random.integers(1, most + 1))]
    chosen, words = list(kept), sum(len(one.split()) for one in kept)
    for place in order:
        words += len(others[place].split())
        if words <= _WORDS:
            chosen.append(others[place])
    return " ".join(chosen[place] for place in random.permutation(len(chosen)))


def _synthetic(documents: Sequence[Sequence[str]], random: np.random.Generator) -> Iterator[Row]:
    """Yield of each document some sentences, each as four pairs: source and claim, edited or not; and one left out."""
    for sentences in documents:
        fit = [one for one in sentences if 6 <= len(one.split()) <= 40 and not _END.search(one)]
        for place in random.permutation(len(fit))[:3]:
            claim, others = fit[place], [one for one in sentences if one != fit[place]]
            text = " ".join(sentences)
            edit = corrupt(claim, text, random)
            if edit is None:
                continue
            changed = str(edit.made(claim))
            target = 2 if edit.kind in ("number", "negation", "opposite") else UNSUPPORTED
            yield _source([claim], others, random), reword(claim, random), 0
            yield _source([claim], others, random), reword(changed, random), target
            if random.random() < 0.6:
                yield _source([changed], others, random), reword(changed, random), 0
                less = 0 if edit.kind == "detail" else UNSUPPORTED
                yield _source([changed], others, random), reword(claim, random), less
        if len(fit) > 1:
            claim = fit[int(random.integers(len(fit)))]
            others = [one for one in sentences if one != claim]
            yield _source([], others, random), reword(claim, random), UNSUPPORTED


def _twisted(entailed: Sequence[Row], random: np.random.Generator) -> Iterator[Row]:
    """Yield entailed claims that a corruption makes false: these are in other words than their source."""
    for premise, claim, _ in entailed:
        if random.random() < 0.6:
            edit = corrupt(claim, premise, random)
            if edit is not None:
                yield premise, str(edit.made(claim)), 2 if edit.kind == "negation" else UNSUPPORTED


def _surrounded(rows: Sequence[Row], stray: Sequence[str], random: np.random.Generator) -> Iterator[Row]:
    """Yield some of the pairs again with their premise among sentences of other items."""
    for place in random.permutation(len(rows))[:5000]:
        premise, claim, target = rows[place]
        around = [stray[other] for other in random.integers(0, len(stray), 4)]
        yield _source([premise], around, random, 3), claim, target
