"""Is our verifier fit to ship? Its folder against the lexical rules, on sets that it learnt from and on others.

    summedits    threshold on the file's `evaluation` part, balanced accuracy on its `test` part; a summary is borne out
                 as far as the least of its sentences; SummaC-Conv has 57.9, 53.7 and 53.1, over all ten domains 57.1
    others       AUROC of entailment, and by how much it is above that of the lexical rules on the same pairs

The gate: the mean of SummEdits above 57.1, and above the lexical rules on every set of documents or evidence outside
the pool that it was trained on (`unseen`). `python benchmarks/factuality.py verifier FOLDER [ITEMS]`; FOLDER is what
`python -m audit.reference.train verifier` printed, ITEMS takes so many of each set, evenly. Intervals at 95 %, the unit
is the document. What it prints is written beside FOLDER, too, as `card.json`: where the verifier fails is part of it.
Without FOLDER the rules alone are tried on SummEdits.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score

from audit.data.published.begin import BEGIN
from audit.data.published.fool_me_twice import FoolMeTwice
from audit.data.published.summedits import SummEdits
from audit.data.tabular import File
from audit.model import Pair
from audit.plugins import open_model
from audit.probe import Role
from detectors.differences import auroc_difference
from detectors.factuality.lexical import lexical_scores
from detectors.ranking import rank

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
GATE, LARGEST = 57.1, 30e6
DOMAINS = ("ectsum", "sales_email", "samsum")
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
ROLE = Role(dict.fromkeys(("answer", "context", "label", "unit"), ""), optional=frozenset({"unit"}), repeats=True,
            lists=frozenset({"context"}))  # fmt: skip
HEAD = "set                        n  pool    bal. acc. %   AUROC         ours - lexical"
Scorer = Callable[[Sequence[tuple[str, str]]], np.ndarray]
"""(evidence, claim) pairs -> entailment [pair]."""


class Claims(NamedTuple):
    """Claims and what they are held against; `seen`: the pool has other items of this set."""

    name: str
    items: pd.DataFrame
    seen: bool


def frame(source: Any, items: int | None) -> pd.DataFrame:
    """Return a source's items, evenly chosen where fewer are wanted, their passages joined."""
    whole = pd.concat(list(source.batches(ROLE)))
    whole["context"] = [one if isinstance(one, str) else " ".join(one) for one in whole["context"]]
    if items is None or len(whole) <= items:
        return whole
    return whole.iloc[np.linspace(0, len(whole) - 1, items).astype(int)]


def claims(items: int | None) -> list[Claims]:
    """Return the sets that are there."""
    conj = {"context": "Premise", "answer": "Hypothesis", "label": "Label"}
    cad = {"context": "sentence1", "answer": "sentence2", "label": "gold_label"}
    found = [
        Claims("BEGIN wow", frame(BEGIN(DATA / "begin_wow/begin_test_wow.tsv"), items), False),
        Claims("FoolMeTwice test", frame(FoolMeTwice(DATA / "foolmetwice/test.jsonl"), items), True),
        Claims("ConjNLI dev", frame(File(DATA / "conj_nli/conj_dev.tsv", fields=conj), items), True),
        Claims("CAD-SNLI test", frame(File(DATA / "cad_nli/all_combined_test.tsv", fields=cad), items), True),
    ]
    for one in found:
        one.items["label"] = [str(int(label in ("1", "entailment"))) for label in one.items["label"]]
        if "unit" not in one.items or one.items["unit"].isna().any():
            one.items["unit"] = one.items["context"]
    return found


def of_summaries(score: Scorer, items: pd.DataFrame) -> np.ndarray:
    """Return for each summary the entailment of its least supported sentence; equal pairs are asked once.

    A sentence too long for the verifier is left out; a summary of none but such is borne out by nothing.
    """
    parts = [[(row.context, part) for part in SENTENCE.split(row.answer) if part.strip()] for row in items.itertuples()]
    once = list(dict.fromkeys(pair for row in parts for pair in row))
    known = dict(zip(once, score(once), strict=True))
    rows = [[known[pair] for pair in row if known[pair] == known[pair]] for row in parts]
    return np.array([min(row, default=0.0) for row in rows])


def balanced(scores: np.ndarray, items: pd.DataFrame, part: pd.Series) -> float:
    """Return the balanced accuracy on `test` in per cent, with the best threshold of `evaluation`."""
    truth, known = items["label"].eq("1").to_numpy(), part.eq("evaluation").to_numpy()
    cuts = np.unique(scores[known])
    best = max(cuts, key=lambda cut: balanced_accuracy_score(truth[known], scores[known] >= cut))
    return 100 * float(balanced_accuracy_score(truth[~known], scores[~known] >= best))


class Row(NamedTuple):
    """What both score on a set: of summaries the balanced accuracy in per cent, of every set the AUROC."""

    name: str
    n: int
    seen: bool
    accuracy: tuple[float, float] | None
    auroc: tuple[float, float]
    difference: tuple[float, float, float]
    """AUROC of ours less that of the rules, with the ends of its interval."""

    @property
    def ahead(self) -> bool:
        """Whether ours is better."""
        one, two = self.auroc if self.accuracy is None else self.accuracy
        return two > one

    def __str__(self) -> str:
        accuracy = "" if self.accuracy is None else "{:5.1f} {:5.1f}".format(*self.accuracy)
        pool = "seen" if self.seen else "unseen"
        return (f"{self.name:<22}{self.n:>6}  {pool:<6}  {accuracy:<11}   {self.auroc[0]:.3f} {self.auroc[1]:.3f}  "
                "{:+.3f} [{:+.3f}, {:+.3f}]".format(*self.difference))  # fmt: skip


def gap(
    first: np.ndarray, second: np.ndarray, items: pd.DataFrame
) -> tuple[tuple[float, float], tuple[float, float, float]]:
    """Return both AUROCs, and the second less the first with its interval, over units."""
    truth = items["label"].eq("1").to_numpy()
    sides = [pd.DataFrame({"first": first[truth == kind], "second": second[truth == kind]}) for kind in (False, True)]
    units = tuple(items["unit"].to_numpy(str)[truth == kind] for kind in (False, True))
    found = auroc_difference(sides[0], sides[1], (units[0], units[1]), level=0.95)
    values = rank(sides[0], sides[1], (units[0], units[1])).values
    return (float(values[0]), float(values[1])), (found.value, found.low, found.high)


def parts(domain: str, items: int | None) -> pd.DataFrame:
    """Return both parts of a domain, with the name of each in `part`."""
    path = DATA / f"summedits/{domain}.json"
    return pd.concat(
        [frame(SummEdits(path, split=part), items).assign(part=part) for part in ("evaluation", "test")]
    )


def summedits(ours: Scorer, lexical: Scorer, items: int | None) -> Iterator[Row]:
    """Yield the three domains."""
    for domain in DOMAINS:
        both = parts(domain, items)
        scores = [of_summaries(score, both) for score in (lexical, ours)]
        accuracy = (balanced(scores[0], both, both["part"]), balanced(scores[1], both, both["part"]))
        yield Row(f"SummEdits {domain}", len(both), False, accuracy, *gap(scores[0], scores[1], both))


def others(ours: Scorer, lexical: Scorer, items: int | None) -> Iterator[Row]:
    """Yield the sets of claims."""
    for name, chosen, seen in claims(items):
        pairs = list(zip(chosen["context"], chosen["answer"], strict=True))
        yield Row(name, len(chosen), seen, None, *gap(lexical(pairs), np.nan_to_num(ours(pairs)), chosen))


def lexical(pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    """Return the rules' entailment [pair]."""
    return lexical_scores([pair[0] for pair in pairs], [pair[1] for pair in pairs])[:, 0]


def by_rules() -> int:
    """Print what the rules reach on SummEdits, whole."""
    reached = []
    for domain in DOMAINS:
        both = parts(domain, None)
        reached.append(balanced(of_summaries(lexical, both), both, both["part"]))
        print(f"SummEdits {domain:<12}{len(both):>6}   balanced accuracy {reached[-1]:.1f} %", flush=True)
    print(f"SummEdits mean {np.mean(reached):.1f} % (SummaC-Conv over ten domains {GATE} %)")
    return 0


def main(rest: list[str]) -> int:
    """Print the table and whether the verifier may be shipped; 1 where it may not."""
    if not rest:
        return by_rules()
    if not Path(rest[0]).is_dir():
        print(f"verifier: {rest[0]} is no folder; python -m audit.reference.train verifier makes one")
        return 2
    folder, items = Path(rest[0]), int(rest[1]) if len(rest) > 1 else None
    model, begun = open_model("verifier", path=folder, threads=1), time.process_time()

    def ours(pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        return np.asarray(model.verify([Pair(*pair) for pair in pairs]))[:, 0]

    print(f"{HEAD}\n{'':<36}{'lex.':>5} {'ours':>5}   {'lex.':>5} {'ours':>5}")
    rows = []
    for row in chain(summedits(ours, lexical, items), others(ours, lexical, items)):
        rows.append(row)
        print(row, flush=True)
    spent = time.process_time() - begun
    rules, mean = np.mean([row.accuracy for row in rows if row.accuracy is not None], axis=0)
    unseen = [row for row in rows if not row.seen]
    size = sum(one.stat().st_size for one in folder.glob("*.safetensors"))
    fit = bool(mean > GATE and all(row.ahead for row in unseen) and size < LARGEST)
    print(f"SummEdits mean {mean:.1f} (rules {rules:.1f}; gate {GATE}); better than the rules on "
          f"{sum(row.ahead for row in unseen)} of {len(unseen)} unseen sets; {size / 1e6:.1f} MB (gate "
          f"{LARGEST / 1e6:.0f}); {spent:.0f} s of a core")  # fmt: skip
    print("fit to ship" if fit else "not fit to ship: the lexical rules stay the default")
    recipe = json.loads((folder / "recipe.json").read_text("utf-8"))
    card = {"recipe": recipe, "fit_to_ship": fit, "fails": [row.name for row in rows if not row.ahead], "sets": [
        row._asdict() for row in rows]}  # fmt: skip
    (folder.parent / "card.json").write_text(json.dumps(card, indent=1) + "\n", "utf-8")
    return 0 if fit else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
