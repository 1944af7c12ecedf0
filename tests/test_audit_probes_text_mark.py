"""The probe `provenance.text_mark`: what it asks and keeps, its controls, whole audits with a mark and without one."""

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from every_probe import in_range

from audit import plugins
from audit.ask import Asker, Store
from audit.data.generated import Made
from audit.data.tabular import File
from audit.errors import AbilityError, PlanError, UsageError
from audit.execute import run
from audit.integrity import check_digests, recompute
from audit.model import Continuation
from audit.models.causal_lm import CausalLMFolder, _lost
from audit.models.table import OutputTable
from audit.plan import Check, Plan
from audit.probe import Probe
from audit.probes.provenance.reading import _means, mark_of
from audit.probes.provenance.text_mark import TextMark
from audit.record import Limit
from audit.reference.cards import WEIGHTS
from audit.verdict import planted
from audit.watermarks.keys import SUFFIX, write_mark_key
from audit.watermarks.text import LeftHash
from audit.watermarks.text.keyed import text_key
from detectors.changes.attacks import attacked_texts
from detectors.provenance.detection import KNOWN_KEY, MARK_MEASURES, read_texts
from detectors.provenance.text.green import LeftHashLists
from detectors.provenance.under_attack import ATTACK_MEASURES, CELL_LISTS
from reports.text import Notation, words_of

STRICT = 1 - 0.05 / 200
"""The level of one of two hundred gating checks."""
OPENINGS = ["The ferry to the island", "A baker in our street", "Nobody knew", "Seven clocks stood in the hall"]


@pytest.fixture(scope="module")
def model(tiny_lm):
    return CausalLMFolder(tiny_lm, dtype="float32", threads=1).open()


@pytest.fixture
def ask_of(tmp_path):
    """Return the real door to models, with its answers stored on disk."""
    store = Store(tmp_path)
    with store.locked():
        yield lambda **models: Asker(models, store, seed=0, audit="test")


def frame(*texts):
    return pd.DataFrame({"text": texts}, pd.Index([f"id{i}" for i in range(len(texts))], name="id"), dtype=object)


def texts_file(path, texts):
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    return File(path)


def read(model, texts, key):
    """Return p-values and green shares of texts under a key."""
    ids = [model.encoder.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    found = read_texts(LeftHashLists(384, 0.25, key), ids, 0.01)
    return found["p_value"].tolist(), found["green_fraction"].tolist()


# --- options ----------------------------------------------------------------------------------------------------------


def test_it_is_a_probe_that_plans_find_by_name():
    (entry,) = importlib.metadata.entry_points(group="dokimasia.probes", name="provenance.text_mark")
    assert entry.load() is TextMark
    probe = plugins.build("probes", "provenance.text_mark", {"put_in": True, "draws": 3})
    assert isinstance(probe, Probe)
    assert (probe.needs, probe.estimate(10)) == ({"sample", "trace"}, 140)
    assert (TextMark().needs, TextMark().estimate(10)) == ({"sample"}, 20)


def test_every_measure_that_a_limit_may_name_is_given():
    assert set(TextMark.measures) == {*MARK_MEASURES, *ATTACK_MEASURES, KNOWN_KEY}


def test_the_probe_and_the_mark_have_the_same_defaults():
    probe = TextMark()
    shared = ("greenlist_ratio", "bias", "hashing_key")
    assert [getattr(LeftHash(), name) for name in shared] == [getattr(probe, name) for name in shared]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"greenlist_ratio": 1.0}, "greenlist_ratio: got 1.0; allowed: above 0, below 1"),
        ({"bias": 0.0}, "bias: got 0.0; allowed: above 0"),
        ({"hashing_key": 0}, "hashing_key: got 0; allowed: 1 or more"),
        ({"alpha": 0.0}, "alpha: got 0.0; allowed: above 0, below 1"),
        ({"prompt_words": -1}, "prompt_words: got -1; allowed: 0 or more"),
        ({"draws": 0}, "draws: got 0; allowed: 1 or more"),
        ({"max_tokens": 0}, "max_tokens: got 0; allowed: 1 or more"),
        ({"temperature": -0.1}, "temperature: got -0.1; allowed: 0 or more"),
    ],
)
def test_wrong_options_are_told(options, message):
    with pytest.raises(ValueError) as caught:
        TextMark(**options)
    assert message in str(caught.value)


def test_importing_it_is_light():
    code = (
        "import sys, audit.probes.provenance.text_mark\n"
        "print(sorted(set(sys.modules) & {'torch', 'transformers', 'sklearn', 'scipy', 'pandas', 'numpy'}))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


# --- observing --------------------------------------------------------------------------------------------------------


def test_outputs_are_taken_as_they_come_and_read_under_two_keys(ask_of, model):
    ask = ask_of(main=model)
    probe = TextMark(max_tokens=20)
    observed = probe.observe(ask, frame(*OPENINGS[:2]), "items")
    ask.begin()
    drawn = ask("sample", OPENINGS[:2], max_tokens=20, temperature=1.0)["content"].tolist()
    assert observed["output"].tolist() == drawn
    assert (observed["p_value"].tolist(), observed["green_fraction"].tolist()) == read(model, drawn, 15485863)
    assert observed["other_p_value"].tolist() == read(model, drawn, 2654435769)[0]
    assert list(observed.columns) == [
        "text", "output", "problem", "tokens", "p_value", "green_fraction", "share", "tokens_needed", "key",
        "other_p_value", "word_evidence",
    ]  # fmt: skip
    for words, text, green in zip(observed["word_evidence"], drawn, observed["green_fraction"], strict=True):
        assert len(words) == len(re.findall(r"\s*\S+|\s+", text))
        assert green == 0 or max(one or 0 for one in words) > 0


def test_the_key_of_comparison_is_never_the_key(ask_of, model):
    probe = TextMark(max_tokens=20, hashing_key=2654435769)
    observed = probe.observe(ask_of(main=model), frame(OPENINGS[0]), "items")
    assert observed["other_p_value"].tolist() == read(model, observed["output"], 15485863)[0]


def test_with_the_mark_put_in_there_are_twins_without_it_and_log_probabilities(ask_of, model):
    ask = ask_of(main=model)
    probe = TextMark(put_in=True, max_tokens=20, draws=2)
    observed = probe.observe(ask, frame(*OPENINGS[:3]), "items")
    prompts = [text for text in OPENINGS[:3] for _ in range(2)]
    mark = {"greenlist_ratio": 0.25, "bias": 2.5, "hashing_key": 15485863}
    ask.begin()
    for prefix, draws in (
        ("", ask("marked_sample", prompts, mark=mark, max_tokens=20, temperature=1.0)),
        ("plain_", ask("sample", prompts, max_tokens=20, temperature=1.0)),
    ):
        pairs = draws["content"].to_numpy().reshape(3, 2)
        assert observed[f"{prefix}output"].tolist() == ["\n".join(pair) for pair in pairs]
        assert observed[f"{prefix}p_value"].tolist() == read(model, observed[f"{prefix}output"], 15485863)[0]
        for row, prompt, pair in zip(observed.to_dict("records"), OPENINGS, pairs, strict=False):
            scores = [model.trace([Continuation(prompt, text)])[0]["log_prob"] for text in pair]
            assert row[f"{prefix}nats"] == pytest.approx(sum(one.sum() for one in scores), abs=1e-3)
            assert row[f"{prefix}scored"] == sum(one.count() for one in scores)
    assert observed["output"].tolist() != observed["plain_output"].tolist()


@pytest.mark.parametrize(("words", "prompt"), [(None, "The ferry to"), (2, "The ferry"), (0, None)])
def test_a_prompt_is_all_some_or_none_of_the_text(words, prompt):
    asked = []

    def ask(question, items, **options):
        asked.append((question, items))
        if question == "sample":
            return pd.DataFrame({"item": [0], "content": ["a b"], "problem": [None]})
        return pd.DataFrame({"item": range(len(items)), "ids": [[1, 2]] * len(items), "vocabulary": 10})

    TextMark(prompt_words=words).observe(ask, frame("The ferry to"), "items")
    assert asked[0] == ("sample", [prompt])


def test_equal_prompts_are_draws_of_their_own(ask_of, model):
    for put_in in (False, True):
        observed = TextMark(put_in=put_in, max_tokens=12).observe(ask_of(main=model), frame("The", "The"), "items")
        assert observed["output"].nunique() == 2


def test_an_output_that_did_not_come_is_not_tested(ask_of, tmp_path, model):
    path = tmp_path / "outputs.jsonl"
    path.write_text(json.dumps({"prompt": "a", "output": "The cat complains and"}) + "\n", "utf-8")
    ask, probe = ask_of(main=OutputTable(path).open(), reader=model), TextMark(tokenizer="reader")
    observed = probe.observe(ask, frame("a", "b"), "items")
    assert observed["problem"].tolist() == [
        None, "none of the 1 prompts in outputs.jsonl; asked was 'b', there is 'a'",
    ]
    assert observed["output"].tolist() == ["The cat complains and", None]
    assert observed[["p_value", "other_p_value", "word_evidence"]].iloc[1].isna().all()
    result = probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))
    assert result.measure("not_tested").value == 1
    nothing = probe.observe(ask, frame("b", "c"), "items")
    assert probe.judge({"items": nothing}, level=0.95, rng=np.random.default_rng(0)).headline.value is None


def test_a_model_without_tokenizer_is_told_to_bring_a_helper(ask_of, tmp_path):
    path = tmp_path / "outputs.jsonl"
    path.write_text(json.dumps({"prompt": "a", "output": "The cat"}) + "\n", "utf-8")
    with pytest.raises(AbilityError, match="has no tokenizer; a language model on disk as a helper has one"):
        TextMark().observe(ask_of(main=OutputTable(path).open()), frame("a"), "items")
    (tmp_path / "texts.csv").write_text("text\na\n")
    data = {"items": File(tmp_path / "texts.csv")}
    check = Check("mark", TextMark(), data, Limit(measure="detection_rate", at_least=0.5))
    audit = run(Plan("No tokenizer", (check,), model=OutputTable(path)), into=tmp_path / "audits")
    (found,) = audit.record.findings
    assert (found.verdict, audit.record.verdict) == ("skipped", "inconclusive")
    assert "cannot answer 'token_ids'" in found.why


def test_unmarked_texts_are_read_whole_and_nothing_is_drawn(ask_of, model):
    ask = ask_of(main=model)
    observed = TextMark().observe(ask, frame(*OPENINGS), "unmarked")
    assert observed["p_value"].tolist() == read(model, OPENINGS, 15485863)[0]
    assert ask.calls == len(OPENINGS)


# --- the key ----------------------------------------------------------------------------------------------------------


def test_a_secret_key_comes_from_the_environment_and_stands_nowhere(tmp_path, monkeypatch, model):
    monkeypatch.setenv("MARK_KEY", "987654321")
    probe = TextMark(put_in=True, key_env="MARK_KEY", max_tokens=60)
    items = texts_file(tmp_path / "texts.jsonl", OPENINGS)
    plan = Plan("key", (Check("mark", probe, {"items": items}),), model=model)
    audit = run(plan, into=tmp_path / "audits")
    outputs = audit.items("mark")
    assert outputs["p_value"].tolist() == read(model, outputs["output"], 987654321)[0]
    assert outputs["value"].mean() >= 0.75
    files = [path.read_bytes() for path in audit.folder.rglob("*") if path.is_file()]
    assert not any(b"987654321" in one or (987654321).to_bytes(4, "little") in one for one in files)
    monkeypatch.delenv("MARK_KEY")
    assert recompute(audit, {"mark": probe}) > 0  # judging again needs no key
    assert run(plan, into=tmp_path / "audits").folder == audit.folder  # nor does what is finished
    with pytest.raises(PlanError, match=r"^check mark: key_env: MARK_KEY holds no key; allowed: an integer"):
        run(plan, into=tmp_path / "others")
    assert not list((tmp_path / "others").glob("*"))


def test_a_key_file_is_told_by_its_id_alone(tmp_path, model):
    key = text_key("kgw-lefthash", {"hashing_key": 987654321})
    write_mark_key(tmp_path / f"one{SUFFIX}", key)
    probe = TextMark(put_in=True, key_file=tmp_path / f"one{SUFFIX}", max_tokens=60)
    items = texts_file(tmp_path / "texts.jsonl", OPENINGS)
    audit = run(Plan("key", (Check("mark", probe, {"items": items}),), model=model), into=tmp_path / "audits")
    outputs = audit.items("mark")
    assert outputs["p_value"].tolist() == read(model, outputs["output"], 987654321)[0]
    assert set(outputs["key"]) == {f"{key.id} kgw-lefthash {key.commitment}"}
    files = [path.read_bytes() for path in audit.folder.rglob("*") if path.is_file()]
    assert not any(b"987654321" in one or (987654321).to_bytes(4, "little") in one for one in files)
    with pytest.raises(ValueError, match="got key_env and key_file; allowed: one of them"):
        TextMark(key_file=Path("a"), key_env="MARK_KEY")
    with pytest.raises(ValueError, match="got mark and key_env; allowed: one of them"):
        TextMark(mark={"use": "kgw"}, key_env="MARK_KEY")


@pytest.mark.parametrize("value", [None, "", "0", "-3", "0x1F", "a key"])
def test_a_key_that_is_none_is_refused_without_showing_it(monkeypatch, value):
    monkeypatch.delenv("MARK_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("MARK_KEY", value)
    with pytest.raises(UsageError) as caught:
        TextMark(key_env="MARK_KEY").observe(None, frame("a"), "items")
    assert str(caught.value) == "key_env: MARK_KEY holds no key; allowed: an integer, 1 or more"


# --- controls ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_controls_are_told_apart_at_every_seed(seed):
    """Each of either alpha at both levels, the least and the strictest, in turn."""
    for place, one in enumerate(planted(TextMark(alpha=0.001 if seed % 2 else 0.01), seed=seed, check="mark")):
        assert one.holds((0.95, STRICT)[(seed // 2 + place) % 2]), place


def test_a_judge_that_counts_repeats_would_miss_the_planted_fault():
    positive, _ = TextMark().controls(np.random.default_rng(0))
    items = positive["items"]
    green = items["green_fraction"] * items["tokens"] + 50
    repeated = items.assign(p_value=LeftHashLists(64, 0.25, 1).tail(green, items["tokens"] + 50))
    result = TextMark().judge({"items": repeated}, level=0.95, rng=np.random.default_rng(0))
    assert not TextMark().found(result)


# --- whole audits -----------------------------------------------------------------------------------------------------


def audited(probe, model, folder, *, openings=OPENINGS * 6, at_least=0.8):
    data = {"items": texts_file(folder / "items.jsonl", openings), "unmarked": Made("world", "sentences")}
    check = Check("mark", probe, data, limit=Limit(measure="detection_rate", at_least=at_least))
    return run(Plan("A mark", (check,), model=model, seed=7), into=folder / "audits")


def test_an_audit_finds_the_mark_that_it_put_in(tmp_path, model):
    probe = TextMark(put_in=True, max_tokens=60)
    audit = audited(probe, model, tmp_path, at_least=0.7)
    (finding,) = audit.record.findings
    assert (finding.verdict, finding.controls) == ("passed", {"positive": True, "negative": True})
    measures = {one.name: one for one in finding.measures if one.group is None}
    assert measures["own_false_positive_rate"].high < 0.3 > measures["other_key_rate"].high
    assert measures["false_positive_rate"].high < 0.1
    assert measures["tokens_needed"].value < 50
    assert measures["green_fraction"].low > 0.3
    assert measures["quality_cost"].low is not None
    assert check_digests(audit) > 0
    assert recompute(audit, {"mark": probe}) > 10


def test_an_audit_fails_a_model_that_claims_a_mark_and_puts_none_in(tmp_path, model):
    (finding,) = audited(TextMark(max_tokens=90), model, tmp_path).record.findings
    assert finding.verdict == "failed"
    assert finding.why.startswith("detection rate is 0 % [0 %,")


def test_the_mark_of_outputs_in_a_file_is_found_with_a_helpers_tokenizer(tmp_path, model):
    openings = [f"{opening} {number}" for number in range(6) for opening in OPENINGS]
    drawn = model.sample_marked(openings, seed=1, max_tokens=90, temperature=1.0, mark=LeftHash())
    path = tmp_path / "outputs.jsonl"
    rows = ({"prompt": prompt, "output": one.content} for prompt, one in zip(openings, drawn, strict=True))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    items = texts_file(tmp_path / "items.jsonl", openings)
    limit = Limit(measure="detection_rate", at_least=0.5)
    files = {number: tmp_path / f"{number}{SUFFIX}" for number in (15485863, 15485867, 15485869)}
    for number, file in files.items():
        write_mark_key(file, text_key("kgw-lefthash", {"hashing_key": number}))
    right = TextMark(tokenizer="reader", known_keys=(files[15485867], files[15485869]))
    wrong = TextMark(tokenizer="reader", hashing_key=15485867, known_keys=(files[15485869], files[15485863]))
    checks = tuple(Check(name, one, {"items": items}, limit) for name, one in (("right", right), ("wrong", wrong)))
    plan = Plan("Outputs", checks, model=OutputTable(path), helpers={"reader": model})
    found, twin = run(plan, into=tmp_path / "audits").record.findings
    assert (found.verdict, twin.verdict) == ("passed", "failed"), "a sound mark, read with a key that is not its own"
    assert found.measures[0].low > 0.8
    assert twin.measures[0].high < 0.5
    assert "known_key_rate" in in_range(right, found.measures)
    otherwise = {name: one for name, finding in (("right", found), ("wrong", twin)) for one in finding.measures
                 if one.name == "known_key_rate"}  # fmt: skip
    assert otherwise["right"].high < 0.5, "of the keys at hand none but its own is found"
    assert otherwise["wrong"].low > 0.8, "the mark is there, under another key that is at hand"
    green = next(one for one in twin.measures if one.name == "green_fraction")
    assert green.low < 0.25 < green.high, "as much green as chance gives"


@pytest.mark.parametrize(
    ("form", "put_in", "bias", "verdict"),
    [("sound", True, 4.0, "passed"), ("flawed", False, 4.0, "failed"), ("flawed", True, 0.5, "failed")],
)
def test_the_reference_twins(tmp_path, form, put_in, bias, verdict):
    """At 0.6 nats a token their text carries little: a text is 30 sentences at temperature 1.3, 120 to 160 tokens.

    18 of 18 are the fewest whose interval lies above 0.8: it begins at 0.815. Below it lies that of 3 of 9.
    """
    probe = TextMark(put_in=put_in, bias=bias, prompt_words=0, draws=30, max_tokens=40, temperature=1.3)
    twin = CausalLMFolder(WEIGHTS / "language" / form, dtype="float32", threads=1)
    openings = [str(number) for number in range(18 if form == "sound" else 9)]
    (finding,) = audited(probe, twin, tmp_path, openings=openings).record.findings
    assert finding.verdict == verdict, finding.why
    cost = next(one for one in finding.measures if one.name == "quality_cost")
    assert cost.value is None if not put_in else (cost.low > 0.5) == (form == "sound")  # nats a token


@pytest.mark.slow
@pytest.mark.shared
def test_the_real_model_carries_the_mark_in_thirty_tokens(ask_of, real_lm):
    """Of 20 outputs of 100 tokens all are found, half of them after 9 tokens; here three of 30 tokens."""
    probe = TextMark(put_in=True, max_tokens=30)
    observed = probe.observe(ask_of(main=real_lm), frame(*OPENINGS[:3]), "items")
    result = probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))
    assert result.headline.value == 1
    assert result.measure("own_false_positive_rate").value < 0.5
    assert result.measure("green_fraction").value > 0.5


# --- attacks and lengths ----------------------------------------------------------------------------------------------


def test_each_output_is_read_after_each_attack_and_cut_to_each_length(ask_of, model):
    probe = TextMark(max_tokens=60, attacks=("delete at 0.5", "meaning at 1"), lengths=(20, 5000))
    observed = probe.observe(ask_of(main=model), frame(*OPENINGS[:2]), "items")
    for name, row in observed.iterrows():
        cells = list(zip(*(row[list(CELL_LISTS)]), strict=True))
        assert [cell[:3] for cell in cells] == [
            (*attack, length) for length in (0, 20) for attack in (("none", 0.0), ("delete", 0.5), ("meaning", 1.0))
        ]
        (deleted,) = attacked_texts(name, row["output"], (("delete", 0.5),))
        assert cells[1][3:] == (True, read(model, [deleted], 15485863)[0][0])
        assert cells[0][3:] == (False, row["p_value"])
    assert observed["p_values"].map(lambda one: one[3]).tolist() != observed["p_value"].tolist()


def test_the_evidence_of_a_word_is_the_mean_of_its_scored_tokens():
    evidence = np.array([np.nan, 1.0, 0.0, np.nan, np.nan, 1.0])
    assert _means(evidence, [3, 2, 1]) == [0.5, None, 1.0]
    assert _means(evidence, [3, 2]) is None
    assert _means(evidence, [3, 0, 3]) is None
    assert _means(np.empty(0), []) is None


def test_a_helper_says_it_in_other_words(ask_of, model):
    probe = TextMark(max_tokens=12, paraphraser="other")
    observed = probe.observe(ask_of(main=model, other=model), frame(*OPENINGS[:2]), "items")
    assert observed["kinds"].tolist() == [["none", "paraphrase"]] * 2
    assert all(changed[1] for changed in observed["altered"])


def test_a_helper_translates_it_there_and_back(ask_of, model):
    """What is asked is seen through a model that says its prompt again; one that says nothing leaves the text."""
    asked = []

    def ask(question, items, *, model="main", **options):
        if model != "other":
            return real(question, items, model=model, **options)
        asked.append(items)
        silent = [item.startswith("B") for item in items]
        said = ["" if one else f" <{item}> " for one, item in zip(silent, items, strict=True)]
        return pd.DataFrame({"content": said})

    real = ask_of(main=model)
    probe = TextMark(max_tokens=12, translator="other", translate_prompts=("A {text}", "B {text}"))
    observed = probe.observe(ask, frame(*OPENINGS[:2]), "items")
    first = [f"<A {text}>" for text in observed["output"]]
    assert asked == [[f"A {text}" for text in observed["output"]], [f"B {text}" for text in first]]
    assert observed["kinds"].tolist() == [["none", "translate"]] * 2
    assert [p[1] for p in observed["p_values"]] == read(model, first, 15485863)[0]
    assert (probe.estimate(10), TextMark(translator="other").estimate(10)) == (50, 50)


def test_what_makes_a_mark_weaker_is_told_before_its_numbers_in_korean_too(ask_of, model):
    probe = TextMark(max_tokens=12, hashing_key=6)
    observed = probe.observe(ask_of(main=model), frame(*OPENINGS[:2]), "items")
    result = probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))
    assert [one.key for one in result.remarks] == ["weak_mark"]
    told = {"key": result.remarks[0].key, **result.remarks[0].values}
    assert Notation(words_of("en")).remark(told).startswith("The mark is weaker than it looks: the key is even")
    assert "키가 짝수여서" in Notation(words_of("ko")).remark(told)
    observed = TextMark(max_tokens=12).observe(ask_of(main=model), frame(OPENINGS[0]), "items")
    assert TextMark().judge({"items": observed}, level=0.95, rng=np.random.default_rng(0)).remarks == ()


def test_tokens_that_do_not_come_again_are_counted(ask_of, model):
    """The share of drawn tokens outside what was read, of a draw by hand and of a whole item."""
    for tokens, again, lost in (([1, 2, 3, 4],) * 2 + (0,), ([1, 2, 3, 4], [1, 9, 4], 0.5), ([], [1], None)):
        assert _lost(tokens, again) == lost
    probe = TextMark(put_in=True, max_tokens=20, draws=2)
    observed = probe.observe(ask_of(main=model), frame(*OPENINGS[:3]), "items")
    ask = ask_of(main=model)
    ask.begin()
    mark = {"greenlist_ratio": 0.25, "bias": 2.5, "hashing_key": 15485863}
    drawn = ask("marked_sample", [t for t in OPENINGS[:3] for _ in (1, 2)], mark=mark, max_tokens=20, temperature=1.0)
    lost = (drawn["changed"] * drawn["elements"]).to_numpy().reshape(3, 2).sum(1)
    assert observed["retokenised"].tolist() == pytest.approx(lost / drawn["elements"].to_numpy().reshape(3, 2).sum(1))
    result = probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))
    assert result.measure("retokenised_share").value == pytest.approx(observed["retokenised"].astype(float).mean())
    plain = TextMark(max_tokens=20)
    result = plain.judge({"items": plain.observe(ask_of(main=model), frame("The"), "items")}, level=0.95,
                         rng=np.random.default_rng(0))  # fmt: skip
    assert "tokens that were drawn are not known" in result.measure("retokenised_share").undefined


@pytest.mark.parametrize("name", ["wash", "wash at 0.1", "delete", "delete at 0", "delete at 2", "delete at nan"])
def test_an_attack_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match=r"attacks: got .*; allowed: all, or KIND at STRENGTH, above 0 up to 1, of d"):
        TextMark(attacks=(name,))


def test_an_audit_tells_what_is_left_of_the_mark(tmp_path, model):
    promise = {"promise_power": 0.5, "promise_alpha": 0.01}
    probe = TextMark(put_in=True, max_tokens=60, attacks=("all",), lengths=(15, 30), **promise)
    data = {"items": texts_file(tmp_path / "items.jsonl", OPENINGS * 6)}
    check = Check("mark", probe, data, limit=Limit(measure="worst_power_under_attack", at_least=0.9))
    audit = run(Plan("What is left", (check,), model=model, seed=7), into=tmp_path / "audits")
    (finding,) = audit.record.findings
    assert (finding.verdict, finding.controls) == ("failed", {"positive": True, "negative": True})
    measures = {(one.name, one.group): one for one in finding.measures}
    assert measures["worst_power_under_attack", None].high < 0.9
    assert measures["forgery_rate", None].value > 0.8, "a mark that outlives small changes vouches for them"
    assert measures["power_under_attack", "blanks at 0.3"].value > measures["power_under_attack", "delete at 0.5"].value
    assert measures["power_by_length", "15 tokens"].value <= measures["power_by_length", "30 tokens"].value
    assert measures["shortest_length", None].value in (15, 30)
    assert recompute(audit, {"mark": probe}) > 10


MARKS = [{"use": "synthid-hf", "keys": [3, 1, 4, 15, 92, 65, 35, 89]}, {"use": "gumbel", "key": 7}]


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: mark["use"])
def test_other_marks_are_read(ask_of, tmp_path, model, mark):
    """Texts of whole words drawn with the mark from equal logits, so that they are read back as they were drawn."""
    tokenizer, made = model.encoder.tokenizer, mark_of(mark, {})
    words = [one for one in range(384) if re.fullmatch(" [a-z]+", tokenizer.decode([one]))]
    logits = torch.full((8, 384), -np.inf).index_fill(1, torch.tensor(words), 0.0)
    ids, draws = [[words[at]] for at in range(8)], torch.Generator().manual_seed(1)
    for _ in range(60):
        chosen = torch.multinomial(made.marked(ids, logits).softmax(1), 1, generator=draws)
        ids = [[*row, int(one)] for row, one in zip(ids, chosen, strict=True)]
    texts = [tokenizer.decode(row) for row in ids]
    assert tokenizer(texts, add_special_tokens=False)["input_ids"] == ids
    path = tmp_path / "outputs.jsonl"
    rows = (json.dumps({"prompt": str(n), "output": one}) + "\n" for n, one in enumerate(texts))
    path.write_text("".join(rows), "utf-8")
    ask = ask_of(main=OutputTable(path).open(), reader=model)
    probe = TextMark(mark=mark, tokenizer="reader", alpha=1e-4)
    observed = probe.observe(ask, frame(*map(str, range(8))), "items")
    result = probe.judge({"items": observed}, level=0.95, rng=np.random.default_rng(0))
    assert result.measure("detection_rate").value == 1
    assert result.measure("other_key_rate").value == 0
    assert result.measure("tokens_needed").value < 60
    assert result.measure("green_fraction").undefined == "the mark has no green tokens"
