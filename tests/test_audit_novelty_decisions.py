"""Flags on three families of reference models: the false discovery rate over 300 repetitions from their own scores."""

import numpy as np
import pytest

from audit import plugins
from audit.data.sets import digits, patches, series
from audit.procedures.denoising_curve import denoising_curve
from audit.reference.cards import WEIGHTS
from detectors.conformal import p_values
from detectors.novelty.decisions import Rule


def scores_of(family):
    """Return how strange the sound model of a family finds items it did not learn, and foreign ones."""
    if not (WEIGHTS / family / "sound" / "model.safetensors").is_file():
        pytest.skip(f"the reference model {family} is not there")
    model = plugins.load("models", family)(path=WEIGHTS / family / "sound").open()
    known, foreign = (
        [series.table(part)["series"].to_list() for part in ("heldout", "foreign")]
        if family == "autoregressive_series"
        else [digits.table("heldout")["image"].to_list(), patches.table("heldout")["image"].to_list()]
    )
    if family == "diffusion":
        found = denoising_curve(model, [*known[:200], *foreign[:40]], times=(0.2, 0.5), draws=1).mean(axis=1)
    else:
        found = -model.log_prob([*known[:200], *foreign[:40]])[0]
    return found[:200], found[200:]


@pytest.mark.parametrize("family", ["vae", "diffusion", "autoregressive_series"])
def test_false_discoveries_are_as_rare_as_asked_for(family):
    """Drawn anew from the scores, without putting back: 120 calibrate, 45 familiar and 5 foreign items are judged."""
    familiar, foreign = scores_of(family)
    rule, rng, false, found = Rule(0.1), np.random.default_rng(0), [], []
    for _ in range(300):
        known, shown, _ = np.split(rng.permutation(familiar), [120, 165])
        strange = rng.choice(foreign, 5, replace=False)
        flagged = rule.flags(p_values(known, np.r_[shown, strange], alpha=rule.smallest(0.1)))
        false.append(flagged[:45].sum() / max(1, flagged.sum()))
        found.append(flagged[45:].mean())
    assert np.mean(false) <= 0.1 + 2 * np.std(false) / np.sqrt(300)
    assert np.mean(false) > 0  # the bound is not kept by silence
    assert np.mean(found) > 0.5
