"""What confidences are worth, and what may be promised by them.

    python benchmarks/factuality.py calibration [SUBCLAIMS]

Simulated answers, whose truth is known; human labels of FActScore with a confidence of our own (how far two other
models' biographies of the same person bear a fact out, by words and mismatch rules); SmolLM2 on our plain questions and
on TruthfulQA (MC1); the digit classifiers, sound and flawed. SUBCLAIMS: factscore_subclaims_with_scores.jsonl of
tatsu-lab/conformal-factual-lm, which has no licence and so is only read where somebody has it. Four minutes of a core.
"""

from __future__ import annotations

import csv
import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom
from sklearn.metrics import roc_auc_score
from tables import finish, show, within

from audit.execute import run
from audit.plan import read_plan
from audit.reference import find_language_model
from detectors.conformal import abstention_threshold, calibration_needed, claim_threshold, highest_wrong, trials_needed
from detectors.factuality.bins import bins_of
from detectors.factuality.lexical import lexical_scores

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TIMES = 1000
QUESTIONS = 300
"""Of TruthfulQA, half of them to learn from."""
WEIGHTS = Path(__file__).resolve().parents[1] / "audit" / "reference" / "weights" / "image_classifier"


# --- simulated


def forecasters() -> Iterator[tuple[str, bool]]:
    """ECE of forecasters that are `off` too sure: how often the interval holds the truth, and accuses."""
    for units, off in ((50, 0.0), (200, 0.0), (1000, 0.0), (200, 0.3), (1000, 0.1), (1000, 0.2)):
        rng, rows = np.random.default_rng(1), []
        for _ in range(300):
            told = rng.beta(6, 1, units)
            true = (told - off).clip(0, 1)
            bins = bins_of(told, rng.random(units) < true)
            low, high = bins.interval(0.95)
            rows.append((bins.plain, bins.ece, bins.squared, low > 0, low <= (told - true).mean() <= high))
        plain, ece, squared, accused, held = np.mean(rows, axis=0)
        well = within(round(300 * (1 - held)), 300) and (off > 0 or within(round(300 * accused), 300))
        yield f"{units:6} {off:6.2f} {plain:9.4f} {ece:9.4f} {squared:11.6f} {accused:9.1%} {held:9.1%}", well


def conformal() -> Iterator[tuple[str, bool]]:
    """Claims kept: how often all of them are right, over calibrations, and what is kept."""
    for alpha, answers in ((0.05, 19), (0.1, 9), (0.1, 100), (0.2, 100), (0.3, 100)):
        rng, right, kept, emptied = np.random.default_rng(2), 0, [], 0
        for _ in range(TIMES):
            units = np.repeat(np.arange(answers + 1), rng.integers(1, 8, answers + 1))
            told = rng.random(len(units))
            good = rng.random(len(units)) < 0.5 + 0.5 * told
            known = units < answers
            stands = told[~known] > claim_threshold(highest_wrong(told[known], good[known], units[known]), alpha)
            right += bool(good[~known][stands].all())
            emptied += not stands.any()
            kept.append(stands.mean())
        least, most = binom.ppf([0.001, 0.999], TIMES, [1 - alpha, 1 - alpha + 1 / (answers + 1)]) / TIMES
        told_as = f"{alpha:6.2f} {answers:8} {right / TIMES:10.1%} {least:9.1%} {most:7.1%} {np.mean(kept):9.1%}"
        yield f"{told_as} {emptied / TIMES:9.1%}", least <= right / TIMES <= most
    try:
        claim_threshold([0.1] * 8, 0.1)
    except ValueError as error:
        yield f"  {error}", calibration_needed(0.1) == 9


def abstention() -> Iterator[tuple[str, bool]]:
    """Answers given: how often more than alpha of them are wrong in truth, over calibrations, and what is given."""
    tried = np.linspace(0.9, 0, 91)
    for alpha, answers in ((0.1, 100), (0.1, 400), (0.1, 1600), (0.2, 400)):
        rng, broken, given = np.random.default_rng(3), 0, []
        for _ in range(TIMES):
            told = rng.random(answers)
            at = abstention_threshold(told, rng.random(answers) < told**0.4, tried, alpha=alpha, delta=0.05)
            given.append(0.0 if at is None else 1 - at)
            broken += at is not None and 1 - (1 - at**1.4) / 1.4 / (1 - at) > alpha
        most = binom.ppf(0.999, TIMES, 0.05) / TIMES
        best = next(1 - at for at in np.linspace(0, 0.999, 1000) if 1 - (1 - at**1.4) / 1.4 / (1 - at) <= alpha)
        yield (
            f"{alpha:6.2f} {answers:8} {broken / TIMES:9.1%} {most:7.1%} {np.mean(given):9.1%} {best:9.1%}",
            (broken / TIMES <= most),
        )
    yield f"  alpha .1, delta .05 needs {trials_needed(0.1, 0.05)} answers, all right", True


# --- labelled by people


def left_out_in_turn(told: np.ndarray, good: np.ndarray, units: np.ndarray, alpha: float) -> tuple[float, float, float]:
    """Return, over units, how often all that is kept is right, the share kept, and that of emptied answers, each unit's
    threshold learnt from all others.
    """
    _, code = np.unique(units, return_inverse=True)
    highest, rows = highest_wrong(told, good, code), []
    for unit in range(len(highest)):
        own = code == unit
        stands = told[own] > claim_threshold(np.delete(highest, unit), alpha)
        rows.append((good[own][stands].all(), stands.mean(), not stands.any()))
    right, kept, emptied = np.mean(rows, axis=0).tolist()
    return right, kept, emptied


def of_people(name: str, told: np.ndarray, good: np.ndarray, units: np.ndarray) -> Iterator[tuple[str, bool]]:
    """Yield what is kept at three promises, by leaving one answer out in turn."""
    size, auroc = len(np.unique(units)), roc_auc_score(good, told)
    for alpha in (0.1, 0.2, 0.3):
        right, kept, emptied = left_out_in_turn(told, good, units, alpha)
        line = f"{name:26} {size:5} {len(told):6} {good.mean():7.3f} {auroc:6.3f} {alpha:6.1f}"
        yield f"{line} {right:8.3f} {kept:7.3f} {emptied:8.3f}", right >= 1 - alpha - 2 * np.sqrt(alpha / size)


def golden(path: Path) -> Iterator[tuple[str, bool]]:
    """The reference's own claims and scores."""
    rows = [(row["prompt"], claim) for row in json.loads(path.read_text("utf-8"))["data"] for claim in row["claims"]]
    units, good = np.array([prompt for prompt, _ in rows]), np.array([one["annotation"] != "N" for _, one in rows])
    for score in ("gpt-score", "frequency-score", "frequency+gpt-score"):
        yield from of_people(score, np.array([float(one[score]) for _, one in rows]), good, units)


def biographies(model: str) -> dict[str, dict[str, Any]]:
    """Return topic -> what a model wrote, and its facts with their labels."""
    path = SHARED / "factscore_labels" / f"{model}.jsonl"
    return {row["topic"]: row for row in map(json.loads, path.read_text("utf-8").splitlines())}


def factscore() -> Iterator[tuple[str, bool]]:
    """People's labels of three models' facts; not supported and irrelevant ones are wrong."""
    models = ("ChatGPT", "InstructGPT", "PerplexityAI")
    texts = {model: biographies(model) for model in models}
    for model in models:
        facts = [
            (topic, fact["text"], fact["label"] == "S")
            for topic, row in texts[model].items()
            for sentence in row["annotations"] or ()
            for fact in sentence["human-atomic-facts"] or ()
        ]
        others = [one for one in models if one != model]
        told = np.mean(
            [
                lexical_scores([texts[other][topic]["output"] for topic, *_ in facts], [text for _, text, _ in facts])[
                    :, 0
                ]
                for other in others
            ],
            axis=0,
        )
        units, good = np.array([topic for topic, _, _ in facts]), np.array([right for _, _, right in facts])
        yield from of_people(f"{model}, lexical", told.round(6), good, units)
        length = np.array([-len(text.split()) for _, text, _ in facts], dtype=float)
        yield from of_people(f"{model}, brevity alone", length, good, units)


# --- models


def audited(text: str, base: Path) -> dict[tuple[str, str | None], Any]:
    """Return the measures of a plan's one check, and print its remarks."""
    (finding,) = run(read_plan(text, name="plan.yaml", base=base), into=base).record.findings
    print(f"    {finding.verdict}; {finding.remarks}")
    return {(one.name, one.group): one for one in finding.measures}


def told(measures: dict[tuple[str, str | None], Any]) -> Iterator[tuple[str, bool]]:
    """Yield what is to be seen of a finding."""
    for (name, group), one in measures.items():
        if one.value is None:
            yield f"  {name:24} {group or '':12} {one.undefined}", True
        else:
            ends = "" if one.low is None else f"[{one.low:.3f}, {one.high:.3f}]"
            count = one.n.get("units", one.n["items"])
            yield f"  {name:24} {group or '':12} {one.value:8.3f} {ends:18} n {count}", True


def questions(rows: Sequence[dict[str, Any]], base: Path) -> str:
    """Write halves of questions with choices and return a plan of them."""
    order = random.Random(0).sample(range(len(rows)), len(rows))
    for name, part in (("items", order[::2]), ("calibration", order[1::2])):
        lines = (json.dumps(rows[at]) for at in part)
        (base / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
    return f"""
title: SmolLM2 knows when it does not know
seed: 7
model: {{use: causal_lm, path: "{find_language_model()}", dtype: float32}}
checks:
  - name: confidence
    probe: {{use: factuality.calibration, mode: choice}}
    data:
      items: {{use: file, path: items.jsonl}}
      calibration: {{use: file, path: calibration.jsonl}}
"""


def plain() -> list[dict[str, Any]]:
    """Our plain questions."""
    path = WEIGHTS.parents[2] / "data" / "sets" / "plain_questions.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def truthful() -> list[dict[str, Any]]:
    """Some of TruthfulQA's questions with the best answer and all wrong ones."""
    path = SHARED / "truthfulqa" / "TruthfulQA.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    made = []
    for row in random.Random(0).sample(rows, QUESTIONS):
        wrong = [one.strip() for one in row["Incorrect Answers"].split(";") if one.strip()]
        choices = list(dict.fromkeys([row["Best Answer"], *wrong]))
        made.append({"question": row["Question"], "choices": choices, "correct": [0], "group": row["Category"]})
    return made


def digits(kind: str) -> str:
    """Return the plan of a digit classifier."""
    return f"""
title: Digits
seed: 7
model: {{use: image_classifier, path: "{WEIGHTS / kind}"}}
checks:
  - name: confidence
    probe: {{use: factuality.calibration, mode: predict, alpha: 0.05}}
    data:
      items: {{use: made, set: digits, part: heldout}}
      calibration: {{use: made, set: digits, part: calibration}}
"""


def models(base: Path) -> None:
    """Print the figures of every model that is there."""
    for kind in ("sound", "flawed"):
        home = base / kind
        home.mkdir()
        show(f"digit classifier, {kind}", "", told(audited(digits(kind), home)))
    for name, rows in (("plain questions", plain()), ("TruthfulQA, MC1", truthful())):
        if find_language_model() is None or not rows:
            print(f"left out: SmolLM2 on {name}")
            continue
        home = base / name
        home.mkdir()
        show(f"SmolLM2, {name}", "", told(audited(questions(rows, home), home)))


def main(rest: list[str]) -> int:
    """Print all that there is, and return the exit code."""
    head = "  units    off     plain  debiased     squared   accused      held"
    show("ECE of forecasters too sure by `off`, 300 each", head, forecasters())
    head = " alpha  answers  all right     least    most      kept   emptied"
    show(f"conformal factuality, {TIMES} calibrations", head, conformal())
    head = " alpha  answers    broken    most     given      best"
    show(f"abstention, delta .05, {TIMES} calibrations", head, abstention())
    head = f"{'confidence':26} {'units':>5} {'claims':>6} {'right':>7} {'AUROC':>6} {'alpha':>6} {'all ok':>8} "
    head += f"{'kept':>7}  emptied"
    if rest:
        show("the reference's own scores", head, golden(Path(rest[0])))
    if (SHARED / "factscore_labels").is_dir():
        show("FActScore's human labels", head, factscore())
    with tempfile.TemporaryDirectory() as folder:
        models(Path(folder))
    return finish()
