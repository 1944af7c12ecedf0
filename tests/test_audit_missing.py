"""What was asked and got no answer: counted, told, and enough to leave a limit undecided; from a plan to its record."""

import json

import numpy as np
import pandas as pd
import pytest

from audit.cli.screen import finding_line
from audit.compare.pairing import MeasurePair, difference_of
from audit.data.tabular import File
from audit.execute import run
from audit.integrity import recompute
from audit.model import Sample
from audit.models.table import OutputTable
from audit.plan import Check, Plan, read_plan
from audit.probes.bias.representation import Representation
from audit.probes.factuality.closed_book import ClosedBook
from audit.probes.quality.samples import Samples
from audit.record import Limit, load_record
from audit.verdict import looks_after
from audit.verdict.early_stopping import early_stopped
from detectors.factuality.correctness import generated_correctness
from reports.text import Notation, words_of


def questions(folder, count):
    rows = [{"question": f"What is {i} plus one?", "aliases": [str(i + 1)]} for i in range(count)]
    (folder / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def audited(folder, answers, *, asked=60, stop="full", limit="at_least: 0.9"):
    """Audit a table of answers, null for a question that is not in it."""
    questions(folder, asked)
    rows = [
        {"prompt": f"Question: What is {i} plus one?\nAnswer:", "output": text}
        for i, text in enumerate(answers) if text is not None
    ]
    (folder / "out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = f"""
title: missing answers
model: {{use: table, path: out.jsonl}}
checks:
  - name: facts
    probe: {{use: factuality.closed_book, mode: generate}}
    data: {{use: file, path: q.jsonl}}
    limit: {{measure: accuracy, {limit}}}
    stop: {stop}
"""
    return run(read_plan(plan, base=folder), into=folder / "audits")


@pytest.mark.parametrize("stop", ["full", "early"])
def test_a_model_that_answers_only_what_it_knows_passes_nothing(tmp_path, stop):
    audit = audited(tmp_path, [str(i + 1) if i % 3 == 0 else None for i in range(60)], stop=stop)
    found = audit.finding("facts")
    assert (audit.record.verdict, found.verdict, found.calls) == ("inconclusive", "inconclusive", 60)
    assert "of 20 items (40 of 60 gave no usable answer" in found.why
    assert load_record(audit.folder).finding("facts").measures[0].missing == 40
    assert recompute(audit) > 0


@pytest.mark.parametrize(("limit", "verdict"), [("at_least: 0.9", "inconclusive"), ("at_least: 0.6", "passed")])
def test_a_few_missing_answers_leave_what_they_cannot_turn(tmp_path, limit, verdict):
    audit = audited(tmp_path, [str(i + 1) if i % 10 else None for i in range(60)], limit=limit)
    assert audit.finding("facts").verdict == verdict


@pytest.mark.parametrize("stop", ["full", "early"])
@pytest.mark.parametrize("answer", ["", None])
def test_blanks_alone_decide_nothing_and_stop_nothing(tmp_path, answer, stop):
    """A file without a row, or with rows of empty text; eight of them were a verdict once."""
    audit = audited(tmp_path, ["7", *[answer] * 59], stop=stop, limit="at_least: 0.5")
    found = audit.finding("facts")
    assert (found.verdict, found.calls) == ("inconclusive", 60)
    assert "59 of 60 gave no usable answer" in found.why


def test_nothing_but_missing_answers_is_no_crash(tmp_path):
    found = audited(tmp_path, ["1"], asked=9, stop="early").finding("facts")
    nothing = audited(tmp_path, ["", *[None] * 8], asked=9, stop="early").finding("facts")
    assert (found.verdict, nothing.verdict) == ("inconclusive", "inconclusive")
    assert "none of the 9 items asked gave a usable answer" in nothing.why


def written(texts):
    index = pd.Index([f"q{i}" for i in range(len(texts))], name="id")
    cells = dict.fromkeys(("question", "group", "unit", "not_asked", "problem"))
    columns = {"text": texts, "finish": "stop", "aliases": [["x"]] * len(texts), **cells}
    frame = pd.DataFrame(columns, index, dtype=object)
    return generated_correctness(frame, rule="contains", level=0.95, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("texts", "limit", "decided"),
    [
        (["x"] * 60 + [""] * 5, {"at_least": 0.5}, True), (["y"] * 60 + [""] * 5, {"at_least": 0.5}, True),
        (["y"] * 60 + [""] * 60, {"at_least": 0.5}, False), (["x"] * 60 + [""] * 60, {"at_least": 0.5}, False),
        (["x"] * 60 + [""] * 60, {"at_most": 0.1}, False), ([""] * 200, {"at_most": 0.1}, False),
    ],
)  # fmt: skip
def test_early_stopping_supposes_the_worst_of_what_is_missing(texts, limit, decided):
    order = np.random.default_rng(1).permutation(len(texts))
    limit, result = Limit(measure="accuracy", **limit), written([texts[i] for i in order])
    assert (looks_after(result, limit, 0.95) == 0) is decided
    found = early_stopped(result, limit, 0.95).headline
    if found.value is not None:
        assert found.low <= texts.count("x") / len(texts)
        assert found.high >= (texts.count("x") + texts.count("")) / len(texts)


@pytest.mark.parametrize("classifier_told", [True, False])
def test_draws_that_failed_have_no_class(classifier_told):
    """300 draws that are not in the table were "100 % toxic": a classifier was asked about empty texts."""
    probe, size = Representation(), 60
    failed = {"draws": [[""]] * size, "problems": [["not in the table"]] * size}
    items = pd.DataFrame(failed | {"probabilities": [[[0.0, 1.0] if classifier_told else None]] * size}, dtype=object)
    labels = ["clean", "toxic"] * 40
    known = pd.DataFrame({"text": "t", "label": labels, "probabilities": [[1.0, 0.0], [0.0, 1.0]] * 40})
    observed = {"items": items.rename_axis("id"), "calibration": known.rename_axis("id")}
    result = probe.judge(observed, level=0.95, rng=np.random.default_rng(0))
    for one in result.measures:
        if one.group != "real items":
            assert (one.value, one.missing) == (None, size), one.name
    assert result.items["class"].isna().all()


def test_draws_that_are_no_items_are_missing_from_quality():
    probe = Samples()
    _, clean = probe.controls(np.random.default_rng(0))
    items = clean["items"].copy()
    lost = [[None] * len(row) for row in items["draws"]]
    some = items.assign(draws=[*lost[:10], *items["draws"][10:]], draw_features=[*lost[:10], *items["draws"][10:]])
    result = probe.judge({**clean, "items": some}, level=0.95, rng=np.random.default_rng(0))
    missing = sum(map(len, lost[:10]))
    assert {one.missing for one in result.measures if one.name not in ("kid_training", "unusable_share")} == {missing}
    assert (result.measure("kid").low, result.measure("coverage").high) == (None, 1.0)
    none = probe.judge({**clean, "items": items.assign(draws=lost)}, level=0.95, rng=np.random.default_rng(0))
    assert none.headline.value is None
    assert none.measure("unusable_share").value == 1


# --- instruct models asked in raw form --------------------------------------------------------------------------------


class Silent:
    """Says nothing to two prompts of three, and has a chat template that is or is not used."""

    family, modality, name, fingerprint = "silent", "text", "silent", "sha256:silent"

    def __init__(self, *, unused_chat_template):
        self.unused_chat_template = unused_chat_template

    def sample(self, prompts, *, seed, **sampling):
        return [Sample("7" if len(prompt) % 3 == 0 else "") for prompt in prompts]


@pytest.mark.parametrize("unused", [True, False])
def test_blanks_of_a_model_whose_chat_template_is_not_used_are_told_first(tmp_path, unused):
    rows = [{"question": "?" * length, "aliases": ["7"]} for length in range(1, 31)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = File(tmp_path / "q.jsonl")
    limit = Limit(measure="accuracy", at_least=0.5)
    check = Check("facts", ClosedBook(mode="generate"), {"items": data}, limit)
    plan = Plan("silent", (check,), Silent(unused_chat_template=unused))
    found = run(plan, into=tmp_path / "audits").finding("facts")
    assert (found.verdict, found.measures[0].missing) == ("inconclusive", 20)
    assert [one["key"] for one in found.remarks] == (["raw_prompts"] if unused else [])
    assert ("ask it with prompt_form chat" in finding_line(found)) is unused
    for lang in ("en", "ko"):
        notation = Notation(words_of(lang))
        shown = " ".join(notation.remark(one) for one in found.remarks)
        assert ("20" in shown and "30" in shown and "chat" in shown) is unused


def test_answers_that_the_rule_cannot_judge_are_told_in_the_record(tmp_path):
    found = audited(tmp_path, ["1은", "2번가", *[str(i + 1) for i in range(2, 60)]]).finding("facts")
    assert [one["key"] for one in found.remarks] == []
    rows = [{"question": "capital?", "aliases": ["서울"]}, {"question": "and now?", "aliases": ["서울"]}]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answers = {"capital?": "서울대학교", "and now?": "서울이에요"}
    rows = [{"prompt": f"Question: {asked}\nAnswer:", "output": said} for asked, said in answers.items()]
    (tmp_path / "out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = Plan("korean", (Check("facts", ClosedBook(mode="generate"), {"items": File(tmp_path / "q.jsonl")}),),
                OutputTable(tmp_path / "out.jsonl"))  # fmt: skip
    found = run(plan, into=tmp_path / "more").finding("facts")
    assert found.measures[0].value == 0.5
    assert found.remarks == [{"key": "inside_words", "count": 1}]
    assert Notation(words_of("en")).remark(found.remarks[0]).startswith("1 answers that count as wrong")


def test_a_comparison_holds_whatever_one_of_both_would_have_answered(tmp_path):
    """Both are right wherever both answered, but 15 of 60 got no answer from the second: it may be 25 points worse."""
    audits = []
    for name, there in (("all", 60), ("some", 45)):
        (tmp_path / name).mkdir()
        audits.append(audited(tmp_path / name, [str(i + 1) for i in range(there)]))
    measures = [audit.finding("facts").measures[0] for audit in audits]
    found, _ = difference_of(MeasurePair((audits[0], audits[1]), "facts", (measures[0], measures[1]), "higher"))
    assert found is not None
    assert found.low <= -15 / 60
