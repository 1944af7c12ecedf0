"""The membership probe asks for traces where all models give them, and refuses a reference with another tokenizer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from audit import plugins
from audit.errors import DataError, PlanError
from audit.execute import run
from audit.integrity import recompute
from audit.model import Sample
from audit.models.opened.gaussian_diffusion import vp_schedule
from audit.plan import Check, Plan, read_plan
from audit.probe.trial import ScriptedAsk
from audit.probes.memorisation.membership import Membership
from audit.procedures.membership_errors import membership_errors
from audit.reference.cards import WEIGHTS
from detectors.memorisation.scores import membership_scores
from reports.documents.html_report import render_html
from reports.options import ReportOptions

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


# ---- diffusion models -----------------------------------------------------------------------------------------------


class Remembering:
    """A denoiser fitted as far as can be: E[x_0 | x_t] over the items that it was trained on, in closed form."""

    def __init__(self, known):
        self.known = torch.tensor(known, dtype=torch.float64)

    def prepare(self, items):
        return torch.tensor(np.stack(items), dtype=torch.float64)

    def schedule(self, t):
        return vp_schedule(t)

    def denoise(self, x, t):
        alpha, sigma = (part[0] for part in vp_schedule(t[:1]))
        near = torch.softmax(-torch.cdist(x, alpha * self.known) ** 2 / (2 * sigma**2), 1)
        return (x - alpha * near @ self.known) / sigma


class Understanding(Remembering):
    """A denoiser of all items of the kind, N(0, I), whichever it was trained on."""

    def denoise(self, x, t):
        return vp_schedule(t[:1])[1] * x


def told_apart(model, score, rng):
    """Judge a model by members that it knows and others drawn alike."""
    data = {"items": model.known.numpy(), "nonmembers": rng.normal(size=model.known.shape)}
    probe = Membership(score=score)
    ask = ScriptedAsk({("main", "membership_errors"): lambda items: membership_errors(model, items)})
    observed = {
        role: probe.observe(ask, pd.DataFrame({"row": list(rows)}, [f"{role}{n}" for n in range(len(rows))]), role)
        for role, rows in data.items()
    }
    return probe.judge(observed, level=0.95, rng=rng)


@pytest.mark.parametrize("score", ["secmi", "pia", "sima"])
def test_an_overfitted_denoiser_is_found_and_one_that_learnt_the_kind_is_not_accused(score):
    rng = np.random.default_rng(5)
    known = rng.normal(size=(150, 6))
    found = told_apart(Remembering(known), score, rng)
    assert found.headline.low > 0.95
    assert found.measure("tpr_at_1_percent").value > 0.9
    assert {one.group for one in found.measures if one.name == "membership_auroc"} == {
        None, *({"secmi", "pia", "sima"} - {score})
    }
    accused = [
        told_apart(Understanding(rng.normal(size=(60, 6))), score, rng).headline.low or 0.0 for _ in range(12)
    ]  # fmt: skip
    assert sum(low > 0.5 for low in accused) <= 2  # at most 2.5 % each, and 0.3 of 12


def test_scores_of_diffusion_models_ask_no_likelihood_and_take_no_reference():
    probe = Membership(score="pia")
    assert (probe.needs, probe.judged, probe.estimate(7)) == ({"denoise"}, "pia", 7)
    assert probe.needs == plugins.load("procedures", "membership_errors").abilities
    with pytest.raises(ValueError, match="got score sima with a reference; allowed: sima without one"):
        Membership(score="sima", reference="base")
    with pytest.raises(PlanError, match=r"score: got 'secmy'; input should be .*'secmi'"):
        read_plan(DIGITS.replace("sima", "secmy"))


DIGITS = f"""\
title: Members of the embedded diffusion model
limit: 60
model: {{use: diffusion, path: {WEIGHTS / "diffusion" / "sound"}, threads: 1}}
checks:
  - name: members
    probe: {{use: memorisation.membership, score: sima}}
    data:
      items: {{use: made, set: digits, part: train}}
      nonmembers: {{use: made, set: digits, part: heldout}}
"""


def test_a_plan_asks_the_embedded_diffusion_model_and_every_language_tells_it(tmp_path):
    audit = run(read_plan(DIGITS), into=tmp_path)
    (one,) = audit.record.findings
    assert one.verdict == "measured"
    items = audit.items("members").dropna(subset=["sima"])
    by_hand = roc_auc_score(items["role"] == "members", items["sima"])
    assert one.headline.value == pytest.approx(by_hand)
    assert (items["sima"] < 0).all()
    assert recompute(audit) > 0
    for lang, name in (("en", "step error, negated (SecMI)"), ("ko", "한 단계 오차의 음수(SecMI)")):
        assert name in next(iter(render_html(audit, ReportOptions(lang=lang)).values())).decode()


# ---- answers to texts -----------------------------------------------------------------------------------------------


def test_the_closeness_of_drawn_answers_is_that_of_edits_by_hand():
    frame = pd.DataFrame({
        "text": ["a", "b", "c", "d"], "greedy": ["kitten", "same", None, "x" * 40],
        "draws": [
            ["kitten", "sitting", "mitten", "kit"], ["same"] * 4, ["x"] * 4, ["x" * 40, "x" * 39, "x" * 37, None],
        ],
    })  # fmt: skip
    scores = membership_scores(frame)
    assert scores["peakedness"][0] == pytest.approx(1 - (0 + 3 / 7 + 1 / 6 + 3 / 6) / 4)
    assert scores["cdd"][0] == 1 / 4  # within 5 % is the likeliest one alone
    assert scores.loc[1].tolist() == [1, 1]
    assert scores.loc[2:].isna().all(axis=None)
    frame.at[3, "draws"] = ["x" * 40, "x" * 39, "x" * 37, "x" * 38]
    assert membership_scores(frame)["cdd"][3] == 3 / 4


WORDS = [f"w{n}" for n in range(200)]


class Echo:
    """A model that draws the likeliest answer so often, of texts that it learnt, else so often."""

    name, family, modality, fingerprint = "echo", "table", "text", "sha256:" + "0" * 64

    def __init__(self, learnt, others):
        self.often = {"learnt": learnt, "other": others}

    def sample(self, prompts, *, seed, max_tokens, temperature, **options):
        rng = np.random.default_rng(seed)
        kept = [temperature == 0 or rng.random() < self.often[one.split()[0]] for one in prompts]
        return [Sample("the very answer" if one else "".join(rng.permutation(list("the very answer")))) for one in kept]


def peaked(learnt, others, seed):
    """Judge a model by its answers to 60 texts that it learnt and 60 others; the gate sees texts drawn alike."""
    rng, probe, model = np.random.default_rng(seed), Membership(score="peakedness"), Echo(learnt, others)

    def sample(items):
        drawn = model.sample(items, seed=seed, max_tokens=9, temperature=float(len(items) > 60))
        return {"content": [one.content for one in drawn], "problem": None}

    observed = {}
    for role, side in (("items", "learnt"), ("nonmembers", "other")):
        frame = pd.DataFrame({"text": [f"{side} {n}" for n in range(60)]}, [f"{role}{n}" for n in range(60)])
        told = probe.observe(ScriptedAsk({("main", "sample"): sample}), frame, role)
        observed[role] = told.assign(text=[" ".join(rng.choice(WORDS, 6)) for _ in range(60)])
    return probe.judge(observed, level=0.95, rng=rng)


def test_answers_that_come_out_alike_tell_members_and_a_model_that_is_sure_of_all_is_not_accused():
    """Its weakness by itself: peaked on everything. Beside non-members that is no evidence."""
    assert peaked(0.9, 0.3, 1).headline.low > 0.5
    sure = [peaked(0.7, 0.7, seed).headline.low or 0.0 for seed in range(8)]
    assert sum(low > 0.5 for low in sure) <= 1  # at most 2.5 % each
    assert peaked(1.0, 1.0, 3).headline.undefined is not None  # all answers alike: nothing to rank


def test_peakedness_is_asked_of_texts_alone_and_its_options_leave_other_plans_as_they_were():
    probe = Membership(score="peakedness", draws=5)
    assert (probe.needs, probe.estimate(3)) == ({"sample"}, 18)
    assert plugins.options_of(Membership()) == {"score": None, "reference": None, "fdr": 0.05}
    with pytest.raises(ValueError, match=r"got 1, 64 and 0\.8; allowed: 2 or more, 1 or more, above 0"):
        Membership(score="peakedness", draws=1)
    with pytest.raises(DataError, match="got items that are no texts; allowed for peakedness: texts"):
        probe.observe(ScriptedAsk({}), pd.DataFrame({"row": [[1.0, 2.0]]}, ["a"]), "items")


def test_answers_are_stored_and_judged_again_to_the_same_numbers(tmp_path):
    rng, firsts = np.random.default_rng(0), ["learnt", "other"] * 15
    data = {
        role: pd.DataFrame({"text": [f"{first} {' '.join(rng.choice(WORDS, 6))}" for first in firsts]})
        for role in ("items", "nonmembers")
    }
    check = Check("members", Membership(score="peakedness", draws=3), data)
    audit = run(Plan("Answers", (check,), model=Echo(0.9, 0.3)), into=tmp_path)
    (one,) = audit.record.findings
    assert one.headline.value is not None
    assert (one.options["draws"], one.calls) == (3, 60 * 4)
    assert recompute(audit) > 1
