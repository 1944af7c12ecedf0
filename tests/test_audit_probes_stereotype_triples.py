"""The probe `bias.stereotype_triples`: what it asks of which model, and what it keeps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from audit import open_model
from audit.ask import Asker, Store
from audit.cli.app import execute
from audit.files import parquet_bytes
from audit.model import Continuation
from audit.probe import Probe
from audit.probes.bias.stereotype_triples import StereotypeTriples
from audit.record import load_record

ITEMS = pd.DataFrame(
    {
        "context": ["My aunt came.", None], "stereotype": ["She is kind.", "My aunt is kind."],
        "antistereotype": ["She is rude.", "My aunt is rude."], "unrelated": ["Rain is wet.", "My aunt is wet."],
        "unit": ["aunt", "aunt"], "group": ["gender", "gender"], "kind": ["intersentence", "intrasentence"],
    },
    index=pd.Index(["a", "b"], name="id"), dtype=object,
)  # fmt: skip


@pytest.fixture
def ask_of(tmp_path):
    """Return the real door to a model, with its answers stored on disk."""
    folder = tmp_path / "audits" / "one"  # alone there, so that no other test's answers are taken over
    folder.mkdir(parents=True)
    store = Store(folder)
    with store.locked():
        yield lambda model: Asker({"main": model}, store, seed=0, audit="test")


def judged(seen):
    return StereotypeTriples().judge({"items": seen}, level=0.95, rng=np.random.default_rng(0))


def test_sentences_are_scored_per_token_after_their_context_or_alone(ask_of, tiny_lm, tmp_path):
    import pyarrow as pa

    model = open_model("causal_lm", path=tiny_lm, dtype="float32", device="cpu", threads=1)
    probe, door = StereotypeTriples(), ask_of(model)
    assert isinstance(probe, Probe)
    assert probe.needs == {"trace"}
    seen = probe.observe(door, ITEMS, "items")
    assert door.calls == probe.estimate(2) == 6
    result = judged(seen)
    for place, name in enumerate(("stereotype", "antistereotype", "unrelated")):
        asked = [Continuation("My aunt came.", f" {ITEMS[name].iloc[0]}"), ITEMS[name].iloc[1]]
        means = [part["log_prob"].mean() for part in model.trace(asked)]
        np.testing.assert_allclose(result.items[f"score_{name}"], means, rtol=1e-5, err_msg=str(place))
    stored = tmp_path / "observed.parquet"
    stored.write_bytes(parquet_bytes(pa.Table.from_pandas(seen.reset_index())))
    assert judged(pd.read_parquet(stored).set_index("id")).measures == result.measures


def test_items_without_contexts_and_terms_will_do(ask_of, tiny_lm):
    model = open_model("causal_lm", path=tiny_lm, dtype="float32", device="cpu", threads=1)
    bare = ITEMS[["stereotype", "antistereotype", "unrelated"]]
    result = judged(StereotypeTriples().observe(ask_of(model), bare, "items"))
    assert result.headline.n == {"items": 2, "units": 2}


MASKED = pd.DataFrame(
    {
        "context": ["the nurse went home .", None, None], "unit": ["nurse", "man", "man"],
        "stereotype": ["she was kind .", "the man was lazy .", "the old man ate"],
        "antistereotype": ["he was kind .", "the man was kindness .", "the young man ate"],
        "unrelated": ["bread is blue .", "the man was bread .", "the apples man ate"],
    },
    index=pd.Index(["a", "b", "c"], name="id"), dtype=object,
)  # fmt: skip
OWN = {  # tokens of the blank by hand: what all begin and end with stands outside
    "stereotype": [["she", "was", "kind"], ["lazy"], ["old"]],
    "antistereotype": [["he", "was", "kind"], ["kind", "##ness"], ["young"]],
    "unrelated": [["bread", "is", "blue"], ["bread"], ["apple", "##s"]],
}


def in_float64(folder, text, own, variant):
    """One copy of the text after the other through a full softmax; `own` None = every token."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    network = AutoModelForMaskedLM.from_pretrained(folder).double().eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(text)["input_ids"]
    tokens = tokenizer.convert_ids_to_tokens(ids)
    span = range(1, len(ids) - 1)
    if variant == "blank":
        at = next(i for i in range(len(tokens) - len(own), 0, -1) if tokens[i : i + len(own)] == own)
        span = range(at, at + len(own))
    found = []
    for place in span:
        copy = list(ids)
        copy[place] = tokenizer.mask_token_id
        if variant == "blank":
            later = place + 1
            while later < len(ids) and tokens[later].startswith("##"):
                copy[later] = tokenizer.mask_token_id
                later += 1
        with torch.inference_mode():
            found.append(torch.log_softmax(network(input_ids=torch.tensor([copy])).logits[0, place], -1)[ids[place]])
    nats = np.array(found)
    return np.exp(nats).mean() if variant == "blank" else nats.mean()


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    from tiny_models import make_tiny_bert

    return make_tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.mark.parametrize("variant", ["blank", "pll"])
def test_a_masked_model_scores_as_in_float64(variant, ask_of, bert):
    model = open_model("masked_lm", path=bert, threads=1, device="cpu")
    probe, door = StereotypeTriples(variant), ask_of(model)
    assert probe.needs == {"pseudo_trace"}
    seen = probe.observe(door, MASKED, "items")
    assert door.calls == probe.estimate(3) == 9
    result = probe.judge({"items": seen}, level=0.95, rng=np.random.default_rng(0))
    assert all(one.method.endswith(f"variant {variant}") for one in result.measures if one.value is not None)
    for said, own in OWN.items():
        texts = [" ".join(filter(None, pair)) for pair in zip(MASKED["context"], MASKED[said], strict=True)]
        wanted = [in_float64(bert, *one, variant) for one in zip(texts, own, strict=True)]
        np.testing.assert_allclose(result.items[f"score_{said}"], wanted, rtol=1e-4)


def test_masked_models_are_audited_from_a_plan(bert, tmp_path):
    """Both probes in one audit by `dokimasia run`: measured, with controls that passed, in the variants asked for."""
    MASKED.to_csv(tmp_path / "triples.csv")
    pairs = [("more", "less"), ("the old man was unkind", "the young man was unkind"),
             ("she ate the apples", "he ate the apples")]  # fmt: skip
    (tmp_path / "pairs.csv").write_text("\n".join(map(",".join, pairs)))
    checks = [
        {"name": name, "probe": {"use": f"bias.stereotype_{name}", "variant": variant},
         "data": {"items": {"use": "file", "path": f"{name}.csv"}}}
        for name, variant in (("pairs", "aula"), ("triples", "blank"))
    ]  # fmt: skip
    model = {"use": "masked_lm", "path": str(bert), "threads": 1, "device": "cpu"}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump({"title": "masked", "model": model, "checks": checks}))
    assert execute(["run", str(tmp_path / "plan.yaml"), "--into", str(tmp_path / "audits")]) == 0
    audit = load_record(next((tmp_path / "audits").glob("*/record.json")).parent)
    assert {one.verdict for one in audit.record.findings} == {"measured"}
    for check, variant, headline in (("pairs", "aula", "stereotype_share"), ("triples", "blank", "ss_reference")):
        finding = audit.finding(check)
        assert finding.headline.name == headline
        assert finding.headline.method.endswith(f"variant {variant}")
    assert "share_aul" in {one.name for one in audit.finding("pairs").measures}
