"""The model-free part: are planted faults found, are copies left alone, how well does it tell true from false?

    planted   one changed claim a document: a number, a number of elsewhere in the document, a year, a name, a negation
    copied    sentences of a document held against it, one at a time and five in a row
    verifier  AUROC of entailment without a model, beside claim length, and of single rules; Korean too
    speed     1,000 answers x 5 samples, twice
    hostile   answers of a megabyte

Documents are halved by a hash of their text: thresholds were chosen on the first half, so what counts is the
second. Faults are planted by regular expressions that know nothing of the detector. `python
benchmarks/factuality.py mismatch`.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.factuality.lexical import CONTRADICTION, ENTAILMENT, lexical_scores
from detectors.factuality.mismatch import CONFLICTING, NOT_SCORED, SUPPORTED, ClaimVerdict, check_claims
from detectors.intervals import cluster_bootstrap, exact_binomial, mean_over_units
from detectors.ranking import rank

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LEVEL = 0.95
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
NUMBER = re.compile(r"(?<![\w.,/:-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w/:-]|[.,]\d)")
YEAR = re.compile(r"\b(?:in|since|by|until|from|of) (1[89]\d\d|20[012]\d)\b(?!-)")
NAME = re.compile(r"(?<=[a-z,] )(?:[A-Z][a-z]{2,} ){1,2}[A-Z][a-z]{2,}\b|(?<=[a-z,] )[A-Z][a-z]{3,}\b")
VERB = re.compile(r"\b(is|was|were|are|will|can|would|could|has been|have been)\b(?! not| n't| never| no )")
KOREAN_NUMBER = re.compile(r"\d+(?=[가-힣])")


class Pair(NamedTuple):
    """A document and a claim about it; `right`: it is borne out."""

    document: str
    claim: str
    right: bool


def second_half(text: str) -> bool:
    """Tell whether a document is of the half that is reported."""
    return hashlib.sha256(text.encode()).digest()[-1] % 2 == 1


def table(name: str, delimiter: str = "\t") -> list[dict[str, str]]:
    """Return the rows of a file without quoting."""
    with (DATA / name).open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE))


def lines(name: str) -> list[dict[str, object]]:
    """Return the rows of a file of JSON lines."""
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]


def summedits(name: str) -> list[Pair]:
    """Return a domain of SummEdits."""
    rows = json.loads((DATA / "summedits" / f"{name}.json").read_text("utf-8"))
    return [Pair(row["doc"], row["summary"], bool(row["label"])) for row in rows]


def fool_me_twice(name: str) -> list[Pair]:
    """Return a part of FoolMeTwice with its gold evidence."""
    rows = lines(f"foolmetwice/{name}.jsonl")
    text = [" ".join(one["text"] for one in row["gold_evidence"]) for row in rows]  # type: ignore[attr-defined]
    return [Pair(one, str(row["text"]), row["label"] == "SUPPORTS") for one, row in zip(text, rows, strict=True)]


def begin() -> list[Pair]:
    """Return BEGIN on Wizard of Wikipedia."""
    rows = table("begin_wow/begin_test_wow.tsv")
    return [Pair(one["knowledge"], one["response"], one["begin_label"] == "Fully attributable") for one in rows]


def klue() -> list[Pair]:
    """Return KLUE-NLI: entailment against the rest."""
    rows = json.loads((DATA / "klue_nli/klue-nli-v1.1_dev.json").read_text("utf-8"))
    return [Pair(one["premise"], one["hypothesis"], one["gold_label"] == "entailment") for one in rows]


def nli(name: str, premise: str, hypothesis: str, label: str) -> list[Pair]:
    """Return a table of premises and hypotheses: entailment against the rest."""
    return [Pair(one[premise], one[hypothesis], one[label] == "entailment") for one in table(name)]


SETS: dict[str, Callable[[], list[Pair]]] = {
    "BEGIN wow": begin,
    "SummEdits ectsum": lambda: summedits("ectsum"),
    "SummEdits sales-email": lambda: summedits("sales_email"),
    "SummEdits samsum": lambda: summedits("samsum"),
    "FoolMeTwice dev": lambda: fool_me_twice("dev"),
    "FoolMeTwice test": lambda: fool_me_twice("test"),
    "ConjNLI dev": lambda: nli("conj_nli/conj_dev.tsv", "Premise", "Hypothesis", "Label"),
    "CAD NLI, revised": lambda: nli("cad_nli/all_combined_test.tsv", "sentence1", "sentence2", "gold_label"),
    "KLUE-NLI, Korean": klue,
}


def documents(name: str) -> list[str]:
    """Return the distinct documents of a set, of the second half, in the order of the file."""
    return [one for one in dict.fromkeys(pair.document for pair in SETS[name]()) if second_half(one)]


# planted faults


class Plant(NamedTuple):
    """A sentence with a fault: `start` and `end` are where it stands."""

    claim: str
    start: int
    end: int


def changed_number(sentence: str, _document: str, draw: random.Random) -> Plant | None:
    """Give one number another value of as many figures."""
    spots = [one for one in NUMBER.finditer(sentence) if not re.fullmatch(r"(?:1[89]|20)\d\d", one[0])]
    return _with_other(sentence, spots, draw) if spots else None


def _with_other(sentence: str, spots: Sequence[re.Match[str]], draw: random.Random) -> Plant:
    spot = draw.choice(spots)
    return _planted(sentence, spot, _other_figures(spot[0], draw))


def _other_figures(number: str, draw: random.Random) -> str:
    """Return a number with one figure changed, never to a leading 0."""
    places = [i for i, char in enumerate(number) if char.isdigit()]
    at = draw.choice(places)
    figure = draw.choice([one for one in "123456789" if one != number[at]])
    return number[:at] + figure + number[at + 1 :]


def _planted(sentence: str, spot: re.Match[str], text: str, group: int = 0) -> Plant:
    start, end = spot.span(group)
    return Plant(sentence[:start] + text + sentence[end:], start, start + len(text))


def number_of_elsewhere(sentence: str, document: str, draw: random.Random) -> Plant | None:
    """Put a number of another sentence of the document in place of one."""
    spots = [one for one in NUMBER.finditer(sentence) if not re.fullmatch(r"(?:1[89]|20)\d\d", one[0])]
    here = {one[0] for one in NUMBER.finditer(sentence)}
    others = sorted({one[0] for one in NUMBER.finditer(document)} - here)
    return _planted(sentence, draw.choice(spots), draw.choice(others)) if spots and others else None


def changed_year(sentence: str, _document: str, draw: random.Random) -> Plant | None:
    """Move one year by one to twenty."""
    spots = list(YEAR.finditer(sentence))
    if not spots:
        return None
    spot = draw.choice(spots)
    return _planted(sentence, spot, str(int(spot[1]) + draw.choice([-1, 1]) * draw.randint(1, 20)), 1)


def changed_name(sentence: str, document: str, draw: random.Random) -> Plant | None:
    """Put a name of another document in place of one."""
    spots = list(NAME.finditer(sentence))
    others = [one for one in NAMES if one not in document]
    return _planted(sentence, draw.choice(spots), draw.choice(others)) if spots and others else None


NAMES = (
    "Norman Baxter",
    "Helena Marsh",
    "Tobias Lindqvist",
    "Quentin Osgood",
    "Beatrice Falk",
    "Zambia",
    "Uppsala",
    "Tirana",
)


def negated(sentence: str, _document: str, draw: random.Random) -> Plant | None:
    """Put "not" behind a predicate."""
    spots = list(VERB.finditer(sentence))
    if not spots or re.search(r"\b(?:not|no|never)\b|n't", sentence):
        return None
    spot = draw.choice(spots)
    word = spot[0].split()
    text = " ".join([word[0], "not", *word[1:]])
    return _planted(sentence, spot, text)


def changed_korean_number(sentence: str, _document: str, draw: random.Random) -> Plant | None:
    """Give a number before Hangul another value."""
    spots = list(KOREAN_NUMBER.finditer(sentence))
    return _with_other(sentence, spots, draw) if spots else None


FAULTS: dict[str, tuple[Callable[[str, str, random.Random], Plant | None], tuple[str, ...]]] = {
    "number": (changed_number, ("numbers", "dates")),
    "number of elsewhere": (number_of_elsewhere, ("numbers", "dates")),
    "year": (changed_year, ("dates", "numbers")),
    "name": (changed_name, ("names",)),
    "negation": (negated, ("negation",)),
    "Korean number": (changed_korean_number, ("numbers", "dates")),
}


def plants(fault: str, name: str) -> Iterator[tuple[str, Plant]]:
    """Yield one planted sentence for each document in which the fault can be planted."""
    plant, _ = FAULTS[fault]
    for document in documents(name):
        draw = random.Random(document)
        order = [one.strip() for one in SENTENCE.split(document) if len(one.split()) >= 4]
        draw.shuffle(order)
        made = next((one for sentence in order if (one := plant(sentence, document, draw)) is not None), None)
        if made is not None:
            yield document, made


def accused(verdicts: Sequence[ClaimVerdict], rules: Sequence[str], plant: Plant, states: Sequence[str]) -> bool:
    """Tell whether a rule objects at the place of the fault."""
    return any(
        one.rule in rules and one.state in states and one.span[0] < plant.end and plant.start < one.span[1]
        for verdict in verdicts
        for one in verdict.findings
    )


def planted() -> None:
    """Print the share of planted faults that are found, by kind and set."""
    print("planted faults, one a document: found (objected to at its place), and called conflicting")
    for fault, (_, rules) in FAULTS.items():
        found = conflicting = count = 0
        for name in SETS:
            if (name.startswith("KLUE")) != (fault == "Korean number") or name.startswith(("ConjNLI", "CAD")):
                continue
            tried = [(check_claims(plant.claim, [document]), plant) for document, plant in plants(fault, name)]
            one = sum(accused(verdicts, rules, plant, ("conflicting", "absent")) for verdicts, plant in tried)
            two = sum(accused(verdicts, rules, plant, (CONFLICTING,)) for verdicts, plant in tried)
            if tried:
                print(f"  {fault:20} {name:22} {_rate(one, len(tried))}   conflicting {two / len(tried):.3f}")
            found, conflicting, count = found + one, conflicting + two, count + len(tried)
        print(f"  {fault:20} {'all':22} {_rate(found, count)}   conflicting {conflicting / max(count, 1):.3f}")


def _rate(found: int, count: int) -> str:
    low, high = exact_binomial(found, count)
    return f"{found / count:.3f} [{low:.3f}, {high:.3f}] of {count}"


# copies


def copied() -> None:
    """Print the share of copied sentences that are accused, and of five in a row in which any is."""
    print("copied sentences accused, mean over documents")
    rng = np.random.default_rng(0)
    for name in SETS:
        single: list[float] = []
        rows: list[float] = []
        units: list[int] = []
        for unit, document in enumerate(documents(name)):
            kept = [one.strip() for one in SENTENCE.split(document) if any(map(str.isalpha, one))][:20]
            states = [[one.state for one in check_claims(sentence, [document])] for sentence in kept]
            single += [float(bool(one) and set(one) - {SUPPORTED, NOT_SCORED} != set()) for one in states]
            units += [unit] * len(kept)
            verdicts = check_claims("\n".join(kept[:5]), [document])
            rows.append(float(any(one.state in ("conflicting", "absent") for one in verdicts)))
        mean = mean_over_units(single, units, level=LEVEL, rng=rng)
        low, high = exact_binomial(sum(rows), len(rows))
        print(
            f"  {name:22} {mean.value:.4f} [{mean.low:.4f}, {mean.high:.4f}] of {len(single)} in {len(rows)} documents;"
            f" five in a row {np.mean(rows):.4f} [{low:.4f}, {high:.4f}]"
        )


# the verifier without a model


def _objected(verdicts: Sequence[ClaimVerdict], *rules: str) -> float:
    """Return minus the number of things that some rules object to."""
    found = [one for verdict in verdicts for one in verdict.findings]
    return -float(sum(one.state != SUPPORTED and one.rule in rules for one in found))


def verifier() -> None:
    """Print AUROC for "borne out" of the verifier without a model, of length, and of single rules, with intervals."""
    print("AUROC for borne out (e: entailment, e - c: less contradiction), unit = document; half: second, then all")
    for name, load in SETS.items():
        pairs = load()
        for part, chosen in (("2nd", [one for one in pairs if second_half(one.document)]), ("all", pairs)):
            found = [check_claims(one.claim, [one.document]) for one in chosen]
            rows = lexical_scores([one.document for one in chosen], [one.claim for one in chosen])
            supports = [[one.support for one in verdicts if one.state != NOT_SCORED] for verdicts in found]
            scores = pd.DataFrame({
                "e": rows[:, ENTAILMENT], "e - c": rows[:, ENTAILMENT] - rows[:, CONTRADICTION],
                "numbers": [_objected(one, "numbers", "dates") for one in found],
                "worst claim": [min(one, default=0.0) for one in supports],
                "names": [_objected(one, "names") for one in found],
                "flips": [_objected(one, "negation", "comparatives") for one in found],
                "length": [float(len(one.claim)) for one in chosen],
            })  # fmt: skip
            right = np.array([one.right for one in chosen])
            units = np.array([one.document for one in chosen])
            ranking = rank(scores[~right], scores[right], (units[~right], units[right]))
            told = [_interval(column, *ranking.interval(column, LEVEL)) for column in ("e", "e - c", "numbers")]
            rest = [f"{column} {ranking.interval(column, LEVEL)[0]:.3f}" for column in scores.columns[3:]]
            over = _interval("e over length", *ranking.difference("e", "length", LEVEL))
            state = _interval("states", *_balanced(found, right, units))
            lines = "  ".join([*told, state, *rest, over])
            print(f"  {name:22} {part} n {len(chosen):5} right {right.mean():.2f}  {lines}")


def _balanced(
    found: Sequence[Sequence[ClaimVerdict]], right: NDArray[np.bool_], units: NDArray[np.str_]
) -> tuple[float, float, float]:
    """Return the balanced accuracy of "every claim supported", no threshold chosen, over documents."""
    said = np.array([all(one.state == SUPPORTED for one in verdicts) for verdicts in found])
    columns = np.stack([said & right, right, ~said & ~right, ~right], axis=1).astype(float)
    sums = pd.DataFrame(columns).groupby(units).sum().to_numpy()

    def balanced(totals: NDArray[np.float64]) -> NDArray[np.float64]:
        hit, of, spared, rest = np.moveaxis(totals, -1, 0)
        with np.errstate(invalid="ignore"):
            return np.asarray((hit / of + spared / rest) / 2)

    rng = np.random.default_rng(0)
    return cluster_bootstrap(balanced, sums, level=LEVEL, rng=rng, bounds=(0.0, 1.0), replicates=499)


def _interval(name: str, value: float, low: float, high: float) -> str:
    return f"{name} {value:.3f} [{low:.3f}, {high:.3f}]"


# speed and hostile answers


def speed() -> None:
    """Print CPU seconds of 1,000 answers x 5 samples, and whether a second run gives the same."""
    texts = list(dict.fromkeys(pair.document for pair in [*begin(), *fool_me_twice("test"), *fool_me_twice("dev")]))
    answers = [" ".join(texts[(7 * i + k) % len(texts)] for k in range(4)) for i in range(1_000)]
    samples = [
        [" ".join(texts[(7 * i + j + k) % len(texts)] for k in range(4)) for j in range(1, 6)] for i in range(1_000)
    ]
    words = np.mean([len(one.split()) for one in answers])

    premises = [one for drawn in samples for one in drawn]
    hypotheses = [answer for answer in answers for _ in range(5)]

    def together() -> list[list[ClaimVerdict]]:
        return [check_claims(answer, drawn) for answer, drawn in zip(answers, samples, strict=True)]

    def apart() -> list[float]:
        return [float(one) for one in lexical_scores(premises, hypotheses).ravel()]

    print(f"speed: 1,000 answers of {words:.0f} words and 5 samples of each")
    for what, scored in (("against the 5 together", together), ("against each, 5,000 pairs", apart)):
        begun = time.process_time()
        first = scored()
        taken = time.process_time() - begun
        print(f"  {what:26} {taken:.1f} s CPU; a second run gives the same: {scored() == first}")


def hostile() -> None:
    """Print states and CPU seconds of answers of a megabyte."""
    print("hostile answers of a megabyte: states, CPU seconds")
    kinds = {
        "empty": "", "one letter": "a" * 1_000_000, "figures": "7" * 1_000_000, "numbers": "3 + 4 = 8. " * 90_000,
        "mixed scripts": "가a1北กא " * 140_000, "NUL": "\0" * 1_000_000, "names": "Ada Berg met Tom Hill. " * 40_000,
    }  # fmt: skip
    for kind, text in kinds.items():
        begun = time.process_time()
        verdicts = check_claims(text, [text, "The harbour has 3 ships."])
        states = pd.Series([one.state for one in verdicts], dtype=str).value_counts().to_dict()
        print(f"  {kind:14} {states} {time.process_time() - begun:.1f} s")


def main(rest: Sequence[str]) -> None:
    """Run all, or the sections that are named."""
    sections = {"planted": planted, "copied": copied, "verifier": verifier, "speed": speed, "hostile": hostile}
    if not DATA.exists():
        print("../shared/data is not there: all but hostile is left out")
        return hostile()
    for name in rest or sections:
        sections[name]()
    return None
