"""The probe `quality.samples`: whose draws it takes, what it keeps, its controls, and the reference models."""

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
from audit.probes.quality.samples import Samples
from audit.record import Limit
from audit.reference.cards import WEIGHTS

STRICT = 1 - 0.05 / 200
"""The level of one of two hundred gating checks."""


class Cloud:
    """Draws points from three clouds; now and then nothing, or what is no point."""

    family, modality, name, fingerprint = "cloud", "series", "cloud", "sha256:cloud"

    def __init__(self, failing=False):
        self.failing, self.asked = failing, []

    def sample(self, prompts, *, seed, spread=1.0):
        self.asked.append(list(prompts))
        rng = np.random.default_rng(seed)
        drawn = [Sample(6 * np.eye(4)[rng.integers(3)] + spread * rng.normal(size=4)) for _ in prompts]
        if self.failing:
            drawn[0] = Sample(None, finish="error", problem="no answer")
            drawn[1] = Sample(np.full(4, np.nan))
        return drawn


class Square:
    """Embeds a point as its squares, and predicts that anything is as likely a square as not."""

    family, modality, name, fingerprint = "square", "series", "square", "sha256:square"

    classes = ("no", "yes")

    def embed(self, items):
        return np.stack(items) ** 2

    def predict(self, items):
        return np.full((len(items), 2), 0.5)


def points(role, size):
    rng = np.random.default_rng(size)
    kinds = np.arange(size) % 3
    rows = 6 * np.eye(4)[kinds] + rng.normal(size=(size, 4))
    index = pd.Index([f"{role}{i}" for i in range(size)], name="id")
    return pd.DataFrame({"series": list(rows), "label": kinds.astype(str)}, index=index)


@pytest.fixture
def door_of(tmp_path):
    """Return the real door to models, with its answers stored on disk."""
    store = Store(tmp_path)
    with store.locked():
        yield lambda **models: Asker(models, store, seed=0, audit="test")


def stored_and_read(tmp_path, frame):
    """Return a frame as it comes back from the audit folder."""
    (tmp_path / "kept.parquet").write_bytes(parquet_bytes(arrow_table(frame)))
    return read_frame(tmp_path / "kept.parquet")


def judged(probe, observed, level=0.95):
    return probe.judge(observed, level=level, rng=np.random.default_rng(0))


# --- drawing ---------------------------------------------------------------------------------------------------------


def test_it_is_a_probe_that_plans_find_by_name():
    (entry,) = importlib.metadata.entry_points(group="dokimasia.probes", name="quality.samples")
    assert entry.load() is Samples
    assert isinstance(Samples(), Probe)
    assert Samples().needs == {"sample"}


def test_every_shard_gets_draws_of_its_own_and_another_check_the_same(door_of):
    model, items = Cloud(), points("x", 6)
    door = door_of(main=model)
    first, second = (Samples(draws_per_item=2).observe(door, part, "items") for part in (items[:3], items[3:]))
    door.begin()
    again = Samples(draws_per_item=2).observe(door, items[:3], "items")
    drawn = [np.ravel(row).tolist() for frame in (first, second) for row in frame["draws"]]
    assert len({tuple(row) for row in drawn}) == 6
    assert first.equals(again)
    assert model.asked == [[None] * 6] * 2
    assert first["series"].map(type).eq(list).all()


def test_another_seed_of_the_audit_gives_other_draws(tmp_path):
    store = Store(tmp_path)
    with store.locked():
        doors = (Asker({"main": Cloud()}, store, seed=seed, audit="test") for seed in (0, 1))
        draws = [Samples().observe(door, points("x", 3), "items")["draws"].to_list() for door in doors]
    assert draws[0] != draws[1]


def test_two_probes_share_their_draws(door_of):
    model, items = Cloud(), points("x", 4)
    door = door_of(main=model, classifier=Square())
    first = Samples().observe(door, items, "items")
    door.begin()
    second = Representation().observe(door, items, "items")
    assert len(model.asked) == 1
    assert first["draws"].to_list() == second["draws"].to_list()


def test_settings_of_the_sampler_are_handed_on(door_of):
    door = door_of(main=Cloud())
    wide, narrow = (
        np.array(Samples(sampling={"spread": s}).observe(door, points("x", 30), "items")["draws"].to_list())
        for s in (1, 0)
    )
    assert np.isin(narrow, (0.0, 6.0)).all()
    assert not np.isin(wide, (0.0, 6.0)).any()


# --- judging ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", [None, "square"])
def test_every_draw_has_a_row_with_its_neighbour(features, door_of, tmp_path):
    probe = Samples(draws_per_item=2, features=features)
    door = door_of(main=Cloud(failing=True), square=Square())
    items, train = points("x", 30), points("t", 60)
    observed = {
        role: stored_and_read(tmp_path, probe.observe(door, frame, role))
        for role, frame in (("items", items), ("train", train))
    }
    result = judged(probe, observed)
    assert door.calls == 60 if features is None else 60 + 59 + 90
    assert len(result.items) == 60
    assert result.items.index[:4].tolist() == ["x0", "x0#2", "x1", "x1#2"]
    unusable = result.measure("unusable_share")
    assert unusable.value == pytest.approx(2 / 60)
    assert result.items["problem"].notna().sum() == 1
    assert result.items["nearest"].isna().sum() == 2
    row = result.items.iloc[5]
    drawn, known = np.array(row["series"]), np.stack(train["series"].to_list())
    if features is not None:
        drawn, known = drawn**2, known**2
    far = np.linalg.norm(known - drawn, axis=1)
    assert row["nearest_item"] == f"t{far.argmin()}"
    assert row["class"] == str(far.argmin() % 3)
    scale = np.sqrt(known.var(axis=0).mean())
    assert row["nearest"] == pytest.approx(far.min() / scale)
    assert arrow_table(result.items).num_rows == 60


def test_items_without_a_label_leave_classes_out(door_of):
    door = door_of(main=Cloud())
    frames = {"items": points("x", 20), "train": points("t", 40).drop(columns="label")}
    result = judged(Samples(), {role: Samples().observe(door, frame, role) for role, frame in frames.items()})
    assert result.measure("missing_modes").undefined == "the training items bear no labels"


def test_text_needs_a_helper_that_embeds_it(door_of):
    class Parrot(Cloud):
        def sample(self, prompts, *, seed):
            rng = np.random.default_rng(seed)
            return [Sample("ab"[rng.integers(2)] * int(rng.integers(1, 9))) for _ in prompts]

    class Letters(Square):
        def embed(self, items):
            return np.array([[text.count("a"), text.count("b")] for text in items], dtype=float)

    door = door_of(main=Parrot(), letters=Letters())
    texts = pd.DataFrame({"text": [("ab"[i % 2]) * (1 + i % 7) for i in range(30)]}).rename(index=str).rename_axis("id")
    with pytest.raises(DataError, match="name a helper that embeds"):
        Samples().observe(door, texts, "train")
    probe = Samples(features="letters")
    result = judged(probe, {role: probe.observe(door, texts, role) for role in ("items", "train")})
    assert set(result.items["text"].str[0]) == {"a", "b"}
    assert result.headline.low <= 0


@pytest.mark.parametrize(
    "wrong", [{"draws_per_item": 0}, {"neighbours": 0}, {"missing_below": 0.0}, {"missing_below": 1}]
)
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"quality.samples: got .* allowed:"):
        Samples(**wrong)


def test_a_plan_may_limit_what_comes_out_with_an_interval():
    probe = Samples()
    result = judged(probe, probe.controls(np.random.default_rng(0))[0])
    assert next(iter(probe.measures)) == result.headline.name
    assert {*probe.measures, "kid_training"} == {m.name for m in result.measures if m.low is not None}


# --- controls --------------------------------------------------------------------------------------------------------

PROBES = [Samples(), Samples(features="x"), Samples(missing_below=0.1, neighbours=20)]


@pytest.mark.parametrize("probe", PROBES, ids=range(len(PROBES)))
def test_controls_are_told_apart(probe):
    """The fault at the strictest level, no fault at the least: at a level between, intervals lie between."""
    for seed in range(5):
        faulty, clean = probe.controls(np.random.default_rng(seed))
        assert probe.found(judged(probe, faulty, STRICT))
        assert not probe.found(judged(probe, clean, 0.95))


# --- the reference models --------------------------------------------------------------------------------------------


def part(data, name, **where):
    return Made(set=data, part=name, where=where)


MOST = {"missing_modes": 0, "far_share": 0.1}


@pytest.mark.parametrize(("family", "fault"), [
    ("vae", "missing_modes"), ("gan", "missing_modes"), ("latent_diffusion", "far_share"),
])  # fmt: skip
def test_the_flawed_twin_is_found_and_the_sound_one_is_not(family, fault, tmp_path):
    """What one has that misses modes lies near the data."""
    sources = {"items": part("digits", "heldout"), "train": part("digits", "train")}
    probe, limit = Samples(draws_per_item=3, missing_below=0.4), Limit(measure=fault, at_most=MOST[fault])
    for form in ("sound", "flawed"):
        model = open_model(family, path=str(WEIGHTS / family / form))
        plan = Plan(form, (Check("twin", probe, sources, limit),), model, seed=7)
        (finding,) = run(plan, into=tmp_path).record.findings
        assert finding.verdict == ("failed" if form == "flawed" else "passed"), finding.why
        assert fault == "far_share" or finding.measure("far_share").high <= MOST["far_share"]
