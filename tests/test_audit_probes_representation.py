"""The probe `bias.representation`: what it asks, whose outputs are whose, its controls, and the reference models."""

from __future__ import annotations

import importlib.metadata

import numpy as np
import pandas as pd
import pytest

from audit import open_model
from audit.ask import Asker, Store
from audit.data.generated import Made
from audit.errors import DataError
from audit.execute import run
from audit.files import arrow_table, parquet_bytes, read_frame
from audit.model import Sample
from audit.plan import Check, Plan
from audit.probe import Probe
from audit.probes.bias.representation import Representation
from audit.record import Limit
from audit.reference.cards import WEIGHTS

STRICT = 1 - 0.05 / 200
"""The level of one of two hundred gating checks."""


class Coin:
    """Draws the number 0 with the given share, else 1."""

    family, modality, name, fingerprint = "coin", "series", "coin", "sha256:coin"

    def __init__(self, share):
        self.share = share

    def sample(self, prompts, *, seed):
        rng = np.random.default_rng(seed)
        drawn = [Sample(np.array([float(rng.random() >= self.share)])) for _ in prompts]
        return [Sample(None, finish="error", problem="lost"), *drawn[1:]]


class Judge:
    """Tells 0 from 1; its outputs come in the order ("one", "zero")."""

    family, modality, name, fingerprint = "judge", "series", "judge", "sha256:judge"
    classes = ("one", "zero")

    def predict(self, items):
        numbers = np.stack(items)[:, 0]
        return np.stack([0.2 + 0.7 * numbers, 0.8 - 0.7 * numbers], axis=1)


def numbers(role, size):
    index = pd.Index([f"{role}{i}" for i in range(size)], name="id")
    values = np.arange(size) % 2
    labels = np.where(values == 1, "one", "zero")
    return pd.DataFrame({"series": [np.array([float(v)]) for v in values], "label": labels}, index=index)


@pytest.fixture
def observe(tmp_path):
    """Return a function that observes both roles through the real door and reads them back from disk."""

    def both(probe, share, calibration):
        frames = {}
        store = Store(tmp_path)
        with store.locked():
            door = Asker({"main": Coin(share), "classifier": Judge()}, store, seed=0, audit="test")
            for role, items in (("items", numbers("x", 300)), ("calibration", calibration)):
                path = tmp_path / "kept.parquet"
                path.write_bytes(parquet_bytes(arrow_table(probe.observe(door, items, role))))
                frames[role] = read_frame(path)
        return frames

    return both


def judged(probe, observed, level=0.95):
    return probe.judge(observed, level=level, rng=np.random.default_rng(0))


def test_it_is_a_probe_that_plans_find_by_name():
    (entry,) = importlib.metadata.entry_points(group="dokimasia.probes", name="bias.representation")
    assert entry.load() is Representation
    assert isinstance(Representation(), Probe)
    assert Representation().needs == {"sample"}


def test_outputs_are_matched_with_labels_whatever_their_order(observe):
    probe = Representation(draws_per_item=2)
    result = judged(probe, observe(probe, 0.3, numbers("c", 100)))
    assert result.measure("share", "zero").value == pytest.approx(0.3, abs=0.05)
    assert result.measure("share", "one").value == pytest.approx(0.7, abs=0.05)
    assert result.headline.low <= 0.2 <= result.headline.high
    assert result.table["recall"].tolist() == [1, 1]


def test_every_draw_has_a_row(observe):
    probe = Representation(draws_per_item=2)
    result = judged(probe, observe(probe, 0.3, numbers("c", 100)))
    assert len(result.items) == 600
    lost = result.items[result.items["problem"].notna()]
    assert lost.index.tolist() == ["x0"]
    assert lost["class"].isna().all()
    kept = result.items.drop(index="x0")
    assert kept["class"].eq(np.where(kept["series"].map(lambda cell: cell[0]) == 1, "one", "zero")).all()
    assert result.measure("share", "zero").n["items"] == 599 + 100
    assert arrow_table(result.items).num_rows == 600


def test_confidence_is_told_for_draws_and_for_real_items(observe):
    probe = Representation()
    result = judged(probe, observe(probe, 1.0, numbers("c", 100)))
    assert result.measure("confidence", "draws").value == pytest.approx(0.8)
    assert result.measure("confidence", "real items").value == pytest.approx(0.85)


def test_labels_and_outputs_must_be_as_many(observe):
    probe = Representation()
    one = numbers("c", 100).assign(label="zero")
    with pytest.raises(DataError, match="got 1 classes among the labels, 2 of the classifier; allowed: as many"):
        judged(probe, observe(probe, 0.3, one))


@pytest.mark.parametrize(
    ("options", "allowed"),
    [({"draws_per_item": 0}, "1 or more"), ({"missing_below": 1.5}, "between 0 and 1"),
     ({"reference": {"a": 0.5, "b": 0.5}}, "both or neither"), ({"cite": "somebody"}, "both or neither"),
     ({"reference": {"a": 0.5, "b": 0.6}, "cite": "somebody"}, "allowed: 1")],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(options, allowed):
    with pytest.raises(ValueError, match=allowed):
        Representation(**options)


def test_a_plan_may_limit_what_comes_out_with_an_interval():
    probe = Representation()
    result = judged(probe, probe.controls(np.random.default_rng(0))[0])
    assert next(iter(probe.measures)) == result.headline.name
    assert set(probe.measures) == {m.name for m in result.measures if m.low is not None}


UNEQUAL = {"a": 0.6, "b": 0.3, "c": 0.1}
PROBES = [
    Representation(), Representation(reference=UNEQUAL, cite="somebody"),
    Representation(reference={str(i): 0.1 for i in range(10)}, cite="somebody"),
]  # fmt: skip


@pytest.mark.parametrize("probe", PROBES, ids=range(len(PROBES)))
@pytest.mark.parametrize("level", [0.95, STRICT])
def test_controls_are_told_apart(probe, level):
    faulty, clean = probe.controls(np.random.default_rng(0))
    assert probe.found(judged(probe, faulty, level))
    assert not probe.found(judged(probe, clean, level))


def test_a_judge_that_takes_the_classifier_at_its_word_fails_the_controls():
    """What the classifier says of the faulty samples is the reference, and of the clean ones is not."""
    told = [
        np.bincount(np.stack([row[0] for row in observed["items"]["probabilities"]]).argmax(1), minlength=3) / 1200
        for observed in Representation().controls(np.random.default_rng(0))
    ]
    assert told[0] == pytest.approx(np.full(3, 1 / 3), abs=1e-3)
    assert np.abs(told[1] - 1 / 3).sum() / 2 > 0.1


@pytest.mark.parametrize(("form", "verdict"), [("sound", "passed"), ("flawed", "failed")])
def test_the_diffusion_model_that_draws_mostly_one_digit_is_found(form, verdict, tmp_path):
    heldout, calibration = (Made(set="digits", part=name) for name in ("heldout", "calibration"))
    probe = Representation(sampling={"steps": 10})
    limit = Limit(measure="total_variation", at_most=0.25)
    check = Check("shares", probe, {"items": heldout, "calibration": calibration}, limit)
    model = open_model("diffusion", path=str(WEIGHTS / "diffusion" / form))
    classifier = open_model("image_classifier", path=str(WEIGHTS / "image_classifier" / "sound"))
    finding = run(Plan("shares", (check,), model, {"classifier": classifier}, seed=7), into=tmp_path).record.findings[0]
    assert finding.verdict == verdict, finding.why
    shares = {measure.group: measure for measure in finding.measures if measure.name == "share"}
    assert max(shares, key=lambda name: shares[name].value) == "1" or form == "sound"
