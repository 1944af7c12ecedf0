"""The membership probe asks for traces where all models give them, and refuses a reference with another tokenizer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.errors import DataError
from audit.probe.trial import ScriptedAsk
from audit.probes.memorisation.membership import Membership

ITEMS = pd.DataFrame({"text": ["ab", "c"]}, index=pd.Index(["x", "y"], name="id"))


def tokens(*cut):
    """A script whose tokens are these, a list a text, each with log p -1."""
    flat = [(item, token) for item, own in enumerate(cut) for token in own]
    return lambda items: {
        "item": [item for item, _ in flat], "element": [token for _, token in flat],
        "log_prob": [-1.0] * len(flat), "entropy": [2.0] * len(flat), "variance": [3.0] * len(flat),
    }


def test_traces_are_kept_item_by_item_of_the_model_and_of_the_reference():
    ask = ScriptedAsk({("main", "trace"): tokens(["a", "b"], []), ("base", "trace"): tokens(["a", "b"], [])})
    seen = Membership(reference="base").observe(ask, ITEMS, "items")
    assert seen["trace"].to_dict() == seen["reference_trace"].to_dict() == {"x": [-1.0, -1.0], "y": []}
    assert (seen.loc["x", "entropies"], seen.loc["x", "variances"]) == ([2.0, 2.0], [3.0, 3.0])


def test_a_reference_with_another_tokenizer_is_refused():
    ask = ScriptedAsk({("main", "trace"): tokens(["a", "b"], ["c"]), ("base", "trace"): tokens(["ab"], ["c"])})
    with pytest.raises(DataError, match="the reference base, which cuts items into other elements"):
        Membership(reference="base").observe(ask, ITEMS, "items")


def test_where_one_of_both_gives_no_trace_likelihoods_of_items_are_compared():
    said = {"log_prob": np.array([-3.0, -4.0]), "kind": "elbo"}
    scripts = {(model, "log_prob"): lambda _: said for model in ("main", "base")}
    ask = ScriptedAsk({("main", "trace"): tokens(["a"], ["c"]), **scripts})
    seen = Membership(reference="base").observe(ask, ITEMS, "items")
    assert "trace" not in seen
    assert seen["reference_log_prob"].tolist() == [-3.0, -4.0]
    assert set(seen["likelihood"]) == {"elbo"}


def test_what_is_judged_follows_from_the_plan_alone():
    assert Membership().judged == "loss"
    assert Membership(reference="base").judged == "reference_ratio"
    assert Membership(score="min_k", reference="base").judged == "min_k"
    assert (Membership().needs, Membership(score="zlib").needs) == ({"log_prob"}, {"trace"})
    assert (Membership().estimate(7), Membership(reference="base").estimate(7)) == (7, 14)
    with pytest.raises(ValueError, match="allowed: the name of a helper"):
        Membership(score="windowed_votes")


def test_dates_are_kept_as_they_are_told_and_one_that_is_none_is_refused():
    ask = ScriptedAsk({("main", "trace"): tokens(["a"], ["c"])})
    seen = Membership().observe(ask, ITEMS.assign(date=["2024-05", None]), "items")
    assert seen["date"].tolist() == ["2024-05", None]
    with pytest.raises(DataError, match="got the date 'spring'; allowed: a year"):
        Membership().observe(ask, ITEMS.assign(date=["spring", "2024"]), "items")
