"""The probe `bias.stereotype_triples`: what it asks of which model, and what it keeps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit import open_model
from audit.ask import Asker, Store
from audit.files import parquet_bytes
from audit.model import Continuation
from audit.probe import Probe
from audit.probes.bias.stereotype_triples import StereotypeTriples

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
