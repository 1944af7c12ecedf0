"""The probe `factuality.closed_book`: what it asks and keeps, its controls, whole audits, a real language model."""

import copy
import importlib.metadata
import json
import subprocess
import sys
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from audit import plugins
from audit.ask import Asker, Store
from audit.data.tabular import Builtin, File
from audit.execute import run
from audit.integrity import check_digests, recompute
from audit.model import Continuation
from audit.models.table import OutputTable
from audit.plan import Check, Plan
from audit.probe import Probe
from audit.probes.factuality.closed_book import ClosedBook
from audit.record import Limit
from audit.verdict import controls_of, planted
from detectors.factuality import choices, correctness, matching, tally
from detectors.factuality.p_ik import KNOWING_MEASURES

STRICT = 1 - 0.05 / 200
"""The level of one of two hundred gating checks."""
PROBES = [ClosedBook(), ClosedBook(mode="generate"), ClosedBook(mode="generate", rule="exact_match_numeric")]


def prompt(question):
    return f"Question: {question}\nAnswer:"


@dataclass
class Noting:
    """A model that notes what it is asked and hands it on."""

    model: object
    asked: list

    def __getattr__(self, name):
        return getattr(self.model, name)

    def log_prob(self, items):
        self.asked.append(list(items))
        return self.model.log_prob(items)

    def sample(self, prompts, **options):
        self.asked.append((list(prompts), options))
        return self.model.sample(prompts, **options)


def frame(*rows):
    index = pd.Index([f"id{number}" for number in range(len(rows))], name="id")
    return pd.DataFrame(list(rows), index, dtype=object)


def table(path, rows):
    """Return the adapter of a file with (prompt, output, nats)."""
    lines = ({"prompt": prompt, "output": output, "nats": nats} for prompt, output, nats in rows)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return OutputTable(path, log_prob="nats")


@pytest.fixture
def ask_of(tmp_path):
    """Return the real door to a model, with its answers stored on disk."""
    store = Store(tmp_path)
    with store.locked():
        yield lambda model: Asker({"main": model}, store, seed=0, audit="test")


# --- options ----------------------------------------------------------------------------------------------------------


def test_it_is_a_probe_that_plans_find_by_name():
    (entry,) = importlib.metadata.entry_points(group="dokimasia.probes", name="factuality.closed_book")
    assert entry.load() is ClosedBook
    probe = plugins.build("probes", "factuality.closed_book", {"mode": "generate", "max_tokens": 8})
    assert isinstance(probe, Probe)
    assert (probe.mode, probe.max_tokens, probe.needs) == ("generate", 8, {"sample"})
    assert ClosedBook().needs == {"log_prob"}
    assert (ClosedBook().estimate(10), ClosedBook(mode="generate").estimate(10)) == (40, 10)


def test_every_measure_that_a_limit_may_name_is_known():
    known = dict.fromkeys((*correctness.CHOICE_MEASURES, *correctness.GENERATED_MEASURES, *KNOWING_MEASURES))
    assert set(ClosedBook.measures) == set(known)
    assert next(iter(ClosedBook.measures)) == "accuracy"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompt": "Answer:"}, "allowed: a text with {question} in it"),
        ({"prompt": "{question} "}, "allowed: no blank at the end"),
        ({"prompt": "{question}\n"}, "allowed: no blank at the end"),
        ({"max_tokens": 0}, "max_tokens: got 0; allowed: 1 or more"),
    ],
)
def test_wrong_options_are_told(options, message):
    with pytest.raises(ValueError) as caught:
        ClosedBook(**options)
    assert message in str(caught.value)


def test_importing_it_is_light():
    code = (
        "import sys, audit.probes.factuality.closed_book\n"
        "print(sorted(set(sys.modules) & {'torch', 'transformers', 'sklearn', 'scipy', 'pandas', 'numpy'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


# --- asking -----------------------------------------------------------------------------------------------------------


def test_choices_are_asked_at_once_each_with_its_leading_blank(ask_of, tmp_path):
    model = Noting(table(tmp_path / "t.jsonl", [
        (prompt("Capital {of} France?"), " Paris", -1.5), (prompt("Capital {of} France?"), " Lyon", -4.0),
        (prompt("2 + 2?"), " 4", -0.25),
    ]).open(), [])
    items = frame(
        {"question": "Capital {of} France?", "choices": ["Paris", "Lyon"], "correct": [0], "group": "g"},
        {"question": "Not to be asked?", "choices": ["yes"], "correct": [0]},
        {"question": "2 + 2?", "choices": ["5", "4"], "correct": [1], "best": 1},
    )
    observed = ClosedBook().observe(ask_of(model), items, "items")
    assert model.asked == [[
        Continuation(prompt("Capital {of} France?"), " Paris"), Continuation(prompt("Capital {of} France?"), " Lyon"),
        Continuation(prompt("2 + 2?"), " 5"), Continuation(prompt("2 + 2?"), " 4"),
    ]]
    assert observed.index.equals(items.index)
    assert observed["not_asked"].tolist() == [None, "fewer than two choices", None]
    assert observed["log_probs"].tolist()[::2] == [[-1.5, -4.0], [None, -0.25]]  # the table has no " 5"
    result = ClosedBook().judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))
    assert result.items["outcome"].tolist() == ["right", "not asked", "error"]


def test_written_answers_end_with_the_line(ask_of, tmp_path):
    model = Noting(table(tmp_path / "t.jsonl", [(prompt("Capital of France?"), " Paris.", -1)]).open(), [])
    items = frame(
        {"question": "Capital of France?", "aliases": ["Paris"]},
        {"question": "Without right answer?"},
        {"question": "Not in the table?", "aliases": ["x"]},
    )
    probe = ClosedBook(mode="generate", max_tokens=7)
    observed = probe.observe(ask_of(model), items, "items")
    (prompts, options), = model.asked
    assert prompts == [prompt("Capital of France?"), prompt("Not in the table?")]
    assert {name: options[name] for name in ("max_tokens", "temperature", "stop")} == {
        "max_tokens": 7, "temperature": 0, "stop": ["\n"],
    }
    assert observed["text"].tolist()[0] == " Paris."
    assert observed["problem"].tolist()[2].startswith("none of the 1 prompts in t.jsonl; asked was 'Question: Not in")
    result = probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))
    assert result.items["outcome"].tolist() == ["right", "not asked", "error"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "fewer than two choices"),
        ({"choices": ["a"], "correct": [0]}, "fewer than two choices"),
        ({"choices": ["a", "a"], "correct": [0]}, "a choice is given twice"),
        ({"choices": ["a", "b"]}, "no choice is named as true"),
        ({"choices": ["a", "b"], "correct": [2]}, "a true choice is outside 0 to 1"),
        ({"choices": ["a", "b"], "correct": [-1]}, "a true choice is outside 0 to 1"),
        ({"choices": ["a", "b"], "correct": [0, 1]}, "every choice is true"),
        ({"choices": ["a", "b"], "correct": [0], "best": 1}, "the best choice is not among the true ones"),
    ],
)
def test_what_an_item_lacks_is_told(ask_of, tmp_path, row, reason):
    items = frame({"question": "Q?"} | row)
    observed = ClosedBook().observe(ask_of(table(tmp_path / "t.jsonl", [("p", "o", -1)]).open()), items, "items")
    assert observed["not_asked"].tolist() == [reason]
    result = ClosedBook().judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))
    assert (result.measure("not_asked").value, result.headline.value) == (1, None)


# --- controls ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: f"{probe.mode} {probe.rule}")
def test_controls_hold_at_every_level(probe):
    """Each at four seeds at the least level and at four at the strictest."""
    for seed in range(8):
        for place, one in enumerate(planted(probe, seed=seed, check="x")):
            assert one.holds((0.95, STRICT)[(seed + place) % 2]), (seed, place)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: f"{probe.mode} {probe.rule}")
def test_controls_plant_what_they_say(probe):
    positive, negative = probe.controls(np.random.default_rng(0))
    for observed, accuracy in ((positive, 0.25 if probe.mode == "choice" else 0.3), (negative, 1)):
        result = probe.judge(observed, level=0.95, rng=np.random.default_rng(0))
        assert result.headline.value == pytest.approx(accuracy)


def _first_of_the_tied(scores, right, starts):
    """What argmax does: the first choice of highest score is the answer."""
    ends = np.append(starts, len(scores))
    value = np.array([right[a + np.argmax(scores[a:b])] for a, b in pairwise(ends)], dtype=float)
    return value, np.zeros(len(starts), dtype=bool)


SABOTAGE = {
    "argmin": lambda scores, right, starts: fair(-scores, right, starts),
    "blind": lambda scores, right, starts: fair(np.zeros_like(scores), right, starts),
    "first of the tied": _first_of_the_tied,
}
fair = choices.fair_share


@pytest.mark.parametrize("how", SABOTAGE)
def test_controls_catch_a_broken_choice_judge(monkeypatch, how):
    monkeypatch.setattr(choices, "fair_share", SABOTAGE[how])
    found = controls_of(ClosedBook(), level=STRICT, seed=0, check="x")
    assert found != {"positive": True, "negative": True}


@pytest.mark.parametrize("broken", [lambda *_: True, lambda *_: False, matching.exact_match])
def test_controls_catch_a_broken_rule(monkeypatch, broken):
    """SQuAD's own rule is among them: it takes 1,5 for 15 and -3 for 3."""
    rules = dict.fromkeys(("contains", "exact_match_numeric"), broken)
    monkeypatch.setattr(correctness, "_RULES", correctness._RULES | rules)
    for probe in PROBES[1:]:
        assert controls_of(probe, level=STRICT, seed=0, check="x") != {"positive": True, "negative": True}


def test_controls_catch_an_interval_that_is_no_interval(monkeypatch):
    whole = tally.mean_over_units
    monkeypatch.setattr(tally, "mean_over_units", lambda *a, **k: replace(whole(*a, **k), low=0.0, high=1.0))
    for probe in PROBES:
        assert not controls_of(probe, level=STRICT, seed=0, check="x")["positive"]


# --- whole audits -----------------------------------------------------------------------------------------------------


@pytest.fixture
def questions(tmp_path):
    """Return 60 questions in a file."""
    rows = [
        {"question": f"What is {n} + {n}?", "choices": [str(2 * n + d) for d in (0, 1, 2, 3)], "correct": [0],
         "aliases": [str(2 * n)], "group": "even" if n % 2 == 0 else "odd", "unit": f"u{n // 2}"}
        for n in range(60)
    ]
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return File(path), rows


def knowing(path, rows, share):
    """Return the adapter of a model that knows the answers of that share of questions, as choices and in words."""
    lines = []
    for number, row in enumerate(rows):
        knows = number % 10 < 10 * share
        for place, choice in enumerate(row["choices"]):
            lines.append((prompt(row["question"]), f" {choice}", -1.0 - place if knows else -9.0 + place))
    said = {line[0]: line for line in sorted(lines, key=lambda line: line[2])}
    return table(path, [*said.values(), *(line for line in lines if line not in said.values())])


@pytest.mark.parametrize("mode", ["choice", "generate"])
@pytest.mark.parametrize(("share", "verdict"), [(0.9, "passed"), (0.2, "failed")])
def test_from_plan_to_record(tmp_path, questions, mode, share, verdict):
    source, rows = questions
    check = Check("knows", ClosedBook(mode=mode), {"items": source}, Limit(measure="accuracy", at_least=0.6))
    plan = Plan("Test", (check,), knowing(tmp_path / "model.jsonl", rows, share), shard=16)
    audit = run(plan, into=tmp_path / "audits")
    (finding,) = audit.record.findings
    assert finding.controls == {"positive": True, "negative": True}
    assert finding.verdict == verdict, finding.why
    assert finding.headline.value == pytest.approx(share)
    assert finding.headline.n == {"items": 60, "units": 30}
    assert finding.calls == (240 if mode == "choice" else 60)
    assert {m.group for m in finding.measures if m.name == "accuracy"} == {None, "even", "odd"}
    assert audit.items("knows")["value"].mean() == pytest.approx(share)
    assert recompute(audit) > 20
    assert check_digests(audit) > 3


# --- the real small language model ------------------------------------------------------------------------------------


def plain_log_prob(network, tokenizer, before, text):
    """Log P(text | before) in the network's own precision, one text at a time, nothing shared."""
    import torch

    ids = torch.tensor([tokenizer(before + text)["input_ids"]])
    given = len(tokenizer(before)["input_ids"])
    with torch.inference_mode():
        nats = torch.log_softmax(network(ids).logits[0, given - 1 : -1], -1)
    return nats.gather(1, ids[0, given:, None]).sum().item()


@pytest.mark.slow
@pytest.mark.shared
def test_the_real_model_knows_some_of_our_questions(ask_of, real_lm):
    """On all 160 it scores 66.9 % [59.0, 74.1]; here the first two topics of ten."""
    probe = ClosedBook()
    items = next(Builtin("plain_questions").batches(probe.roles["items"], limit=32))
    observed = probe.observe(ask_of(real_lm), items, "items")
    result = probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))
    assert result.measure("above_chance").low > 0
    assert result.measure("accuracy", "geography").value > result.measure("accuracy", "arithmetic").value

    network = copy.deepcopy(real_lm.scorer.network.model).double()
    for name, row in observed.iloc[::16].iterrows():
        before = prompt(row["question"])
        exact = [plain_log_prob(network, real_lm.encoder.tokenizer, before, f" {one}") for one in row["choices"]]
        assert row["log_probs"] == pytest.approx(exact, abs=1e-3)
        assert result.items.loc[name, "value"] == (int(np.argmax(exact)) in row["correct"])
