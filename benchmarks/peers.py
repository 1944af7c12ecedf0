"""The same input given to WEFE and to SDMetrics: association tests of words, fidelity of a synthetic table by group.

    python -m venv PEERS && PEERS/bin/pip install wefe sdmetrics
    python benchmarks/peers.py PEERS/bin/python        half a minute; without it, in this Python

WEFE wants an older NumPy than we do, so that the peers are asked in a Python of their own. One that is not there is
said to be absent, and nothing is held against it. Effect sizes and distances are to be the same numbers. P-values are
not: ours looks at every partition once (here all 12,870, by a loop of its own too), WEFE's draws words with replacement
and without a seed, so that it is asked several times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

SHIFTS, WORDS, DIM, TIMES, DRAWS = (0.0, 0.4, -0.4), 8, 20, 2, 200
CHILD = {
    "wefe": """
from gensim.models import KeyedVectors
from wefe.metrics import WEAT
from wefe.query import Query
from wefe.word_embedding_model import WordEmbeddingModel
def answer(asked):
    table = KeyedVectors(len(next(iter(asked["vectors"].values()))))
    table.add_vectors(list(asked["vectors"]), np.array(list(asked["vectors"].values()), dtype=np.float64))
    sets = [[word for word in asked["vectors"] if word[0] == name] for name in "XYAB"]
    query, model = Query(sets[:2], sets[2:]), WordEmbeddingModel(table, "m")
    told = []
    for tail in ["right-sided"] * asked["times"] + ["two-sided"]:
        told.append(WEAT().run_query(query, model, calculate_p_value=True, p_value_test_type=tail,
                                    p_value_iterations=asked["draws"]))
    return {"effect": told[0]["effect_size"], "p": [one["p_value"] for one in told[:-1]], "two": told[-1]["p_value"]}
""",
    "sdmetrics": """
import pandas as pd
from sdmetrics.single_column import KSComplement, TVComplement
def answer(asked):
    real, synthetic = (pd.DataFrame(asked[name]) for name in ("real", "synthetic"))
    return [[kind, group, 1 - float(metric.compute(real[kind][real["group"] == group],
                                                   synthetic[kind][synthetic["group"] == group]))]
            for group in asked["groups"] for kind, metric in (("number", KSComplement), ("word", TVComplement))]
""",
}
FRAME = """
import json, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
{body}
asked = json.load(sys.stdin)
start = time.process_time()
told = [answer(one) for one in asked]
print(json.dumps({{"told": told, "seconds": time.process_time() - start}}))
"""


def ask(python: str, peer: str, asked: list[Any]) -> dict[str, Any] | None:
    """Return what a peer tells of each input and the CPU seconds it took; None where it is not installed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    told = subprocess.run(
        [python, "-c", FRAME.format(body=CHILD[peer])], input=json.dumps(asked), capture_output=True, text=True,
        env=environment, check=False,
    )  # fmt: skip
    if told.returncode and "ModuleNotFoundError" in told.stderr:
        print(f"\n{peer}: absent ({told.stderr.strip().splitlines()[-1]}); nothing is held against it")
        return None
    if told.returncode:
        raise RuntimeError(told.stderr.strip().splitlines()[-1])
    return dict(json.loads(told.stdout.splitlines()[-1]))


def every_partition(vectors: dict[str, list[float]]) -> float:
    """Return the one-sided p-value of the observed partition by a plain loop over all of them, the observed counted."""
    unit = {word: np.array(one) / np.linalg.norm(one) for word, one in vectors.items()}
    near = [np.mean([unit[word] for word in unit if word[0] == name], axis=0) for name in "AB"]
    s = [float(unit[word] @ (near[0] - near[1])) for word in unit if word[0] in "XY"]
    sums = [sum(s[place] for place in chosen) for chosen in combinations(range(len(s)), len(s) // 2)]
    return sum(one >= sums[0] - 1e-12 for one in sums) / len(sums)


def associations(python: str) -> Iterator[bool]:
    """Print WEAT of both, for sets that lie apart by so much, and tell of each whether ours is right."""
    import pandas as pd

    from detectors.bias.associations import word_associations

    rng, asked = np.random.default_rng(3), []
    towards = rng.normal(size=DIM)
    for shift in SHIFTS:
        vectors = {f"{name}{k}": rng.normal(size=DIM) for name in "XYAB" for k in range(WORDS)}
        moved = {word: one + {"X": shift, "A": 1.0}.get(word[0], 0) * towards for word, one in vectors.items()}
        asked.append({"vectors": {word: one.tolist() for word, one in moved.items()}, "times": TIMES, "draws": DRAWS})
    theirs = ask(python, "wefe", asked)
    print(f"\nWEAT, {WORDS} words a set: effect size (ddof 0), one-sided p; WEFE {TIMES} times, {DRAWS:,} draws each\n"
          f"{'shift':>6}{'ours':>10}{'WEFE':>10}{'p, ours':>10}{'by a loop':>10}   WEFE, from to{'its two-sided':>19}")
    seconds = 0.0
    for place, (shift, one) in enumerate(zip(SHIFTS, asked, strict=True)):
        rows = pd.DataFrame({"set": [word[0] for word in one["vectors"]],
                             "embedding": [np.array(vector) for vector in one["vectors"].values()]})  # fmt: skip
        start = time.process_time()
        found = word_associations(rows, level=0.95, rng=np.random.default_rng(0), ddof=0)
        seconds += time.process_time() - start
        effect, p = (float(found.measure(name).value or 0) for name in ("effect_size", "association_p"))
        loop, told = every_partition(one["vectors"]), theirs and theirs["told"][place]
        beside = f"{told['effect']:10.4f}" if told else f"{'-':>10}"
        many = f"   {min(told['p']):.4f} to {max(told['p']):.4f}{told['two']:19.4f}" if told else ""
        print(f"{shift:6}{effect:10.4f}{beside}{p:10.4f}{loop:10.4f}{many}")
        yield abs(p - loop) < 1e-9 and (not told or abs(effect - told["effect"]) < 1e-6)
    beside = f", WEFE {theirs['seconds']:.2f} for {TIMES + 1} p-values each" if theirs else ""
    print(f"CPU seconds: ours {seconds:.2f} for all partitions of each{beside}")


def fidelity(python: str) -> Iterator[bool]:
    """Print the distance of a real and a synthetic table by group and feature, and tell whether both have it."""
    import pandas as pd

    from detectors.bias.synthetic import synthetic_fidelity

    rng = np.random.default_rng(4)
    sizes, tables = {"a": (900, 1100), "b": (300, 250), "c": (60, 90)}, {}
    for side, name in enumerate(("real", "synthetic")):
        group = np.repeat(list(sizes), [one[side] for one in sizes.values()])
        number = rng.normal(size=len(group)) + side * 0.3 * (group == "b")
        word = rng.choice(["x", "y", "z"], len(group), p=[0.5, 0.3, 0.2] if side else [0.6, 0.3, 0.1])
        label = (rng.random(len(group)) < 0.4).astype(int)
        tables[name] = pd.DataFrame({"group": group, "number": number, "word": word, "label": label})
    asked = {name: one.drop(columns="label").to_dict("list") for name, one in tables.items()}
    theirs = ask(python, "sdmetrics", [{**asked, "groups": list(sizes)}])
    told = {(kind, group): value for kind, group, value in theirs["told"][0]} if theirs else {}
    print(f"\nDistance of real and synthetic rows: KS of numbers, total variation of words\n"
          f"{'feature':8}{'group':6}{'ours':>10}{'SDMetrics':>11}   interval, which it has not")
    for kind in ("number", "word"):
        found = synthetic_fidelity(
            tables["real"], tables["synthetic"], level=0.95, rng=np.random.default_rng(0), features=[kind]
        )
        for group in sizes:
            one = found.measure("group_distance", group)
            other = told.get((kind, group))
            beside = f"{other:11.6f}" if other is not None else f"{'-':>11}"
            print(f"{kind:8}{group:6}{one.value or 0:10.6f}{beside}   {one.low:.3f} to {one.high:.3f}")
            yield other is None or abs((one.value or 0) - other) < 1e-9


def main() -> int:
    """Print both tables; exit code 1 where a number that should be the same is not."""
    python = sys.argv[1] if len(sys.argv) > 1 else sys.executable
    kept = [*associations(python), *fidelity(python)]
    print(f"\n{kept.count(False)} of {len(kept)} rows differ where they should not")
    return min(kept.count(False), 1)


if __name__ == "__main__":
    sys.exit(main())
