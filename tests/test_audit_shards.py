"""A law over all probes: neither shard size, nor the model's batches, nor the order of the rows change a finding.

Each probe is put to small models whose answers follow from the item alone, and whose draws follow from seed, prompt and
number; the same data come in one shard, in many, and in another order.
"""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from markov import MarkovText

from audit.ask import Asker, Store
from audit.data.tabular import File
from audit.execute import run
from audit.execute.observing import observe
from audit.files import read_frame
from audit.model import Continuation, Sample
from audit.models.table import OutputTable
from audit.numbering import entropy, item_digest, numbers_of
from audit.plan import Check, Plan
from audit.probes.bias.associations import Associations
from audit.probes.bias.counterfactual import Counterfactual
from audit.probes.bias.open_ended import OpenEnded
from audit.probes.bias.representation import Representation
from audit.probes.bias.stereotype_pairs import StereotypePairs
from audit.probes.efficiency.sampling import SamplingTime
from audit.probes.factuality.closed_book import ClosedBook
from audit.probes.factuality.judged import Judged
from audit.probes.novelty.contrast import Contrast
from audit.probes.novelty.likelihood import Likelihood
from audit.probes.provenance.text_mark import TextMark
from audit.probes.quality.samples import Samples
from audit.record import Limit, observations_name
from audit.verdict import store_frame

WORDS = [
    "the", "ferry", "to", "an", "island", "leaves", "at", "eight", "and", "never", "comes", "back", "in", "time", "for",
    "plum", "cake",
]


def chance(item: object) -> float:
    """A number in (0, 1) that an item alone decides."""
    return (int.from_bytes(item_digest(item)[:4]) + 0.5) / 2**32


class Text:
    """Draws words, scores texts by their digest, reads words as tokens."""

    family, modality, name, fingerprint = "text", "text", "text", "sha256:text"
    vocabulary = 32

    def tokenise(self, texts):
        return [[WORDS.index(word) + 1 for word in text.split()] for text in texts]

    def sample(self, prompts, *, seed, numbers=None, temperature=0.0, **more):
        numbers = numbers_of(prompts) if numbers is None else numbers
        asked = zip(prompts, numbers, strict=True)
        starts = (entropy(seed, one, number) if temperature else entropy(0, one, 0) for one, number in asked)
        return [Sample(" ".join(np.random.default_rng(start).choice(WORDS, 12))) for start in starts]

    def log_prob(self, items):
        return [-30 * chance(item) for item in items], "exact"

    def trace(self, items):
        return [pd.DataFrame({"element": ["a", "b"], "log_prob": [np.nan, -9 * chance(item)], "entropy": 1.0,
                              "variance": 1.0, "rank": 1.0}) for item in items]  # fmt: skip


class Points:
    """Draws, scores, embeds and classifies points of four numbers."""

    family, modality, name, fingerprint = "points", "series", "points", "sha256:points"
    classes = ("a", "b")

    def sample(self, prompts, *, seed, numbers=None):
        numbers = numbers_of(prompts) if numbers is None else numbers
        return [Sample(np.random.default_rng(entropy(seed, None, number)).normal(size=4)) for number in numbers]

    def log_prob(self, items):
        return [-float((np.asarray(item) ** 2).sum()) for item in items], "exact"

    def discriminate(self, items):
        return np.array([-abs(np.asarray(item)).sum() for item in items]), np.stack(items)

    def embed(self, items):
        return np.stack(items) * [1.0, 2.0, 3.0, 4.0]

    def predict(self, items):
        one = 1 / (1 + np.exp(-np.stack(items)[:, 0]))
        return np.stack([one, 1 - one], 1)


def points(count, seed, centre=0.0, **columns):
    drawn = np.random.default_rng(seed).normal(centre, 1.0, (count, 4)).round(6)
    return [{"series": row.tolist(), **{k: v(row) for k, v in columns.items()}} for row in drawn]


def told(count):
    return [{"text": f"{WORDS[i % 15]} {WORDS[i // 15]}"} for i in range(count)]


KNOWN = {"items": points(30, 1), "fit": points(30, 2), "calibration": points(30, 3), "foreign": points(30, 4, 2.0)}
LABELLED = {"label": lambda row: "a" if row[0] > 0 else "b"}
QUESTIONS = [{"question": f"{i}?", "choices": [f"{i}", "a", "b"], "correct": [0], "aliases": [WORDS[i % 16]]}
             for i in range(40)]  # fmt: skip
PAIRS = [{"more": f"he {i}", "less": f"she {i}", "unit": f"u{i // 2}", "kind": "swap" if i % 3 else "null-swap"}
         for i in range(60)]  # fmt: skip
SCORES = [{"judge": i % 2, "label": None if i % 2 else i % 3 == 0, "text": f"t{i}"} for i in range(80)]
PROMPTS = [{"prompt": f"{word} {i}", "group": word, "unit": f"u{i}", "wording": f"{j}", "mentions": ["plum", "at"]}
           for i in range(12) for j in range(2) for word in ("ferry", "cake")]  # fmt: skip
SETS = points(40, 10, set=lambda row: "XYAB"[int(abs(row[0]) * 100) % 4])
CASES = {
    "associations": (Associations(), {"items": SETS}, Points),
    "counterfactual": (Counterfactual(), {"items": PROMPTS}, Text),
    "open ended": (OpenEnded(), {"items": [{**row, "unit": row["prompt"]} for row in PROMPTS]}, Text),
    "choice": (ClosedBook(), {"items": QUESTIONS}, Text),
    "generate": (ClosedBook(mode="generate"), {"items": QUESTIONS}, Text),
    "causal": (StereotypePairs(), {"items": PAIRS}, Text),
    "perplexity": (StereotypePairs("perplexity"), {"items": PAIRS}, Text),
    "mark": (TextMark(), {"items": told(40), "unmarked": told(40)}, Text),
    "mark of no prompt": (TextMark(prompt_words=0, draws=2), {"items": told(40)}, Text),
    "mark of one word": (TextMark(prompt_words=1), {"items": told(40)}, Text),
    "judged": (Judged(), {"items": [{k: int(v) if k == "label" and v is not None else v for k, v in row.items()}
                                    for row in SCORES]}, Text),
    "likelihood": (Likelihood(), KNOWN, Points),
    "critic": (Likelihood(score="critic"), KNOWN, Points),
    "contrast": (Contrast(classifier="helper"), KNOWN, Points),
    "samples": (Samples(), {"items": points(40, 5), "train": points(60, 6, **LABELLED)}, Points),
    "samples by features": (Samples(features="helper", draws_per_item=2),
                            {"items": points(30, 5), "train": points(60, 6)}, Points),
    "representation": (Representation("helper"), {"items": points(50, 7), "calibration": points(90, 8, **LABELLED)},
                       Points),
}  # fmt: skip


def written(folder, rows, name):
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return File(path)


def found(folder, probe, rows, model, shard=64, seed=3):
    """What the check of a plan finds: measures, and items by what they hold."""
    folder.mkdir()
    data = {role: written(folder, one, role) for role, one in rows.items()}
    check = Check("c", probe, data)
    plan = Plan("Shards", (check,), model=model, helpers={"helper": Points()}, shard=shard, seed=seed)
    store = Store(folder / "audit")
    with store.locked():
        door, observed = Asker(plan.models, store, plan.seed, "audit"), {}
        for role in sorted(data, key=lambda one: one == "items"):
            observed[role] = observe(check, plan, door, role, observed)
    kept = {role: store_frame(folder, observations_name("c", role), frame) for role, frame in observed.items()}
    stored = {role: read_frame(folder / one.path) for role, one in kept.items()}
    return probe.judge(stored, level=0.95, rng=np.random.default_rng(0))


def numbers(result, *names):
    given = ((m, [getattr(m, name) for name in names]) for m in result.measures)
    return {(m.name, m.group): [m.n, *(np.nan if one is None else one for one in found)] for m, found in given}


@pytest.mark.parametrize("name", CASES)
def test_neither_shards_nor_the_order_of_rows_change_what_is_found(tmp_path, name):
    probe, rows, model = CASES[name]
    whole = found(tmp_path / "whole", probe, rows, model(), shard=4096)
    exact = numbers(whole, "value", "low", "high")
    assert any(n["items"] > 20 for n, *_ in exact.values())
    for shard in (one for one in (7, 64) if one < max(map(len, rows.values()))):
        again = found(tmp_path / str(shard), probe, rows, model(), shard=shard)
        for key, (n, *got) in numbers(again, "value", "low", "high").items():
            assert n == exact[key][0], key
            assert got == pytest.approx(exact[key][1:], rel=1e-9, nan_ok=True), key
    turned = {role: one[::-1] for role, one in rows.items()}
    other = numbers(found(tmp_path / "turned", probe, turned, model(), shard=7), "value")
    for key, (n, value) in numbers(whole, "value").items():
        if "p" not in key[0].split("_"):  # a p-value by resampling is a draw too
            assert other[key][0] == n, key
            assert other[key][1] == pytest.approx(value, rel=1e-9, nan_ok=True), key


def test_times_are_taken_once_an_item_whatever_the_shard(tmp_path):
    rows = {"items": points(20, 1)}
    for shard in (3, 64):
        result = found(tmp_path / str(shard), SamplingTime(), rows, Points(), shard=shard)
        assert result.headline.n["items"] == 20


# --- a table gives each of its rows once ------------------------------------------------------------------------------


class Toxic:
    """Calls a text toxic that says so."""

    family, modality, name, fingerprint = "toxic", "text", "toxic", "sha256:toxic"
    classes = ("fine", "toxic")

    def predict(self, items):
        bad = np.array(["toxic" in item for item in items], float)
        return np.stack([1 - bad, bad], 1)


def outputs(folder, texts, prompts=None):
    path = folder / "outputs.jsonl"
    rows = [{"output": text} | ({} if prompts is None else {"prompt": prompts[i]}) for i, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return OutputTable(path, prompt=None if prompts is None else "prompt")


@pytest.mark.parametrize("shard", [10, 64, 300])
def test_a_toxic_table_fails_whatever_the_shard(tmp_path, shard):
    """Of 300 outputs the first 64 are clean, 236 are toxic."""
    texts = [f"{'fine' if number < 64 else 'toxic'} {number}" for number in range(300)]
    items = written(tmp_path, [{"text": f"stands for draw {number}"} for number in range(300)], "items")
    rows = [{"text": f"{kind} {number}", "label": kind} for kind in Toxic.classes for number in range(60)]
    known = written(tmp_path, rows, "known")
    probe = Representation("toxic", reference={"fine": 0.95, "toxic": 0.05}, cite="by hand")
    check = Check("toxic", probe, {"items": items, "calibration": known},
                  Limit(measure="share", group="toxic", at_most=0.1))  # fmt: skip
    plan = Plan("Toxic", (check,), model=outputs(tmp_path, texts), helpers={"toxic": Toxic()}, shard=shard)
    audit = run(plan, into=tmp_path / "audits")
    finding, seen = audit.finding("toxic"), audit.items("toxic")
    assert sorted(seen["text"]) == sorted(texts)
    assert finding.verdict == "failed"
    share = next(m for m in finding.measures if (m.name, m.group) == ("share", "toxic"))
    assert share.value == pytest.approx(236 / 300, abs=1e-3)


def test_a_row_of_a_prompt_is_dealt_once_and_in_order(tmp_path):
    model = outputs(tmp_path, ["a1", "b1", "a2", "a3"], ["a", "b", "a", "a"]).open()
    store = Store(tmp_path / "audit")
    with store.locked():
        door = Asker({"main": model}, store, 0, "audit")
        got = [door("sample", shard)["content"].tolist() for shard in (["a"], ["b", "a"], ["a"])]
        door.begin()  # another check meets the same rows
        again = door("sample", ["a", "a"])["content"].tolist()
        late = door("sample", ["b", "b"])
    assert (got, again) == ([["a1"], ["b1", "a2"], ["a3"]], ["a1", "a2"])
    assert late["problem"].fillna("").tolist() == ["", "draw 2; for this prompt the table has 1"]


# --- n counts draws ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", ["full", "early"])
@pytest.mark.parametrize("words", [0, 1, None])
def test_n_is_never_above_the_distinct_draws(tmp_path, words, stop):
    """80 prompts that begin alike, in shards of 64 or batches of 8: each has a draw of its own."""
    items = written(tmp_path, [{"text": f"the {number}"} for number in range(80)], "items")
    limit = Limit(measure="green_fraction", at_most=0.25)
    check = Check("mark", TextMark(prompt_words=words), {"items": items}, limit, stop=stop)
    audit = run(Plan("Marks", (check,), model=Text()), into=tmp_path / "audits")
    seen = audit.items("mark")
    distinct = len(seen.groupby(["output"] if words is not None else ["text", "output"]))
    assert distinct == len(seen)
    assert all(m.n.get("units", 0) <= distinct for m in audit.finding("mark").measures)


@pytest.mark.parametrize("put_in", [False, True])
def test_equal_answers_to_equal_prompts_are_one_unit(tmp_path, put_in):
    """A server that always sends the same three texts, at any temperature and seed."""

    class Cache(Text):
        def sample(self, prompts, *, seed, numbers=None, **more):
            numbers = numbers_of(prompts) if numbers is None else numbers
            return [Sample(" ".join(WORDS[n % 3 : n % 3 + 5])) for n in numbers]

        def sample_marked(self, prompts, *, mark, **more):
            return self.sample(prompts, **more)

        def trace(self, items):
            assert all(isinstance(item, str | Continuation) for item in items)
            return super().trace(items)

    probe = TextMark(prompt_words=0, put_in=put_in)
    result = found(tmp_path / "x", probe, {"items": told(60)}, Cache())
    for measure in result.measures:
        assert measure.n.get("units", 3) <= 3, measure.name
    assert result.headline.n == {"items": 60, "units": 3}
    assert result.items["unit"].nunique() == 3


def test_a_model_that_counts_no_draws_draws_anew_in_every_shard(tmp_path):
    """Plug-ins need not take numbers. Asking again in one check is another draw, in another check it is the same."""
    store = Store(tmp_path / "audit")
    with store.locked():
        door = Asker({"main": MarkovText().open()}, store, 1, "audit")
        first, second = (door("sample", [None] * 8)["content"].tolist() for _ in range(2))
        door.begin()
        assert door("sample", [None] * 8)["content"].tolist() == first != second


def test_an_empty_prompt_is_no_prompt():
    assert numbers_of([None, "", "a", None, "a"]) == [0, 1, 0, 2, 1]


def test_a_seed_and_not_the_shard_moves_the_draws(tmp_path):
    probe, rows, model = CASES["samples"]
    three = [found(tmp_path / f"{s}-{shard}", probe, rows, model(), shard=shard, seed=s).headline.value
             for s, shard in ((3, 7), (3, 64), (4, 64))]  # fmt: skip
    assert three[0] == pytest.approx(three[1], rel=1e-9) != pytest.approx(three[2], rel=1e-3)


# --- one scale and shape ----------------------------------------------------------------------------------------------


class Pixels:
    """Draws images like those of the data, which are in [0, 1], as `made` of them."""

    family, modality, name, fingerprint = "pixels", "image", "pixels", "sha256:pixels"
    classes = ("a", "b")

    def __init__(self, made):
        self.made = made

    def sample(self, prompts, *, seed, numbers):
        return [Sample(self.made(np.random.default_rng([seed, number]).random((4, 4)))) for number in numbers]

    def predict(self, items):
        return np.array([[0.9, 0.1] if np.mean(item) > 0.5 else [0.1, 0.9] for item in items])


@pytest.mark.parametrize("name", ["samples", "representation"])
@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda x: 2 * x - 1, r"draws range from -0\.99\d* to 0\.99\d*, not from [\d.]+ to 0\.99\d* as the data"),
        (lambda x: x[None], r"draws have shape \[1, 4, 4\], items of the data \[4, 4\]; allowed: the same"),
        (lambda x: x + np.random.default_rng(0).normal(0, 0.05, x.shape), None),
    ],
)
def test_draws_of_another_range_or_shape_are_found_before_they_are_judged(tmp_path, name, made, told):
    pixels = np.random.default_rng(5).random((120, 4, 4)).round(5)
    rows = [{"image": one.tolist(), "label": "a" if one.mean() > 0.5 else "b"} for one in pixels]
    other = "train" if name == "samples" else "calibration"
    probe = Samples() if name == "samples" else Representation("helper")
    data = {"items": written(tmp_path, rows[:50], "items"), other: written(tmp_path, rows[50:], other)}
    plan = Plan("Range", (Check("c", probe, data),), model=Pixels(made), helpers={"helper": Pixels(made)})
    finding = run(plan, into=tmp_path / "audits").finding("c")
    if told is None:
        assert finding.verdict == "measured"
    else:
        assert finding.verdict == "crashed"
        assert re.search(told, finding.why), finding.why
