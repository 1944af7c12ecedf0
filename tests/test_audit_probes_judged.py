"""The probe `factuality.judged`: what data may say, its controls, and whole audits of data without a model."""

from __future__ import annotations

import importlib.metadata
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit import load_plan, run
from audit.data.tabular import File
from audit.errors import DataError
from audit.integrity import check_digests, recompute
from audit.probe import Probe
from audit.probes.factuality.judged import Judged
from audit.verdict import controls_of
from detectors.factuality import judged as detector
from detectors.factuality.judged import JUDGED_MEASURES

STRICT = 1 - 0.05 / 200
"""The level of one of two hundred gating checks."""
BOTH = {"positive": True, "negative": True}


def rows(size=400, labelled=120, right=0.4, judge=0.9, seed=0):
    """Answers of which a share is right, by a judge that is right with some probability; every third label is text."""
    rng = np.random.default_rng(seed)
    truth = rng.random(size) < right
    said = np.where(rng.random(size) < judge, truth, ~truth)
    return [
        {"text": f"answer {n}", "judge": float(0.9 * said[n]), "label": str(int(truth[n])) if n < labelled else ""}
        for n in range(size)
    ]


def written(path, table):
    if path.suffix == ".csv":
        pd.DataFrame(table).to_csv(path, index=False)
    elif path.suffix == ".parquet":
        numbers = [{**row, "label": int(row["label"]) if row["label"] else None} for row in table]
        pq.write_table(pa.Table.from_pylist(numbers), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in table), "utf-8")
    return path


def observed(source, role="items"):
    probe = Judged()
    return pd.concat([probe.observe(None, batch, role) for batch in source.batches(probe.roles[role])])


def test_it_is_a_probe_that_plans_find_by_name():
    (entry,) = importlib.metadata.entry_points(group="dokimasia.probes", name="factuality.judged")
    assert entry.load() is Judged
    assert isinstance(Judged(), Probe)
    assert Judged().needs == frozenset()
    assert Judged().estimate(100) == 0
    assert tuple(Judged.measures) == JUDGED_MEASURES


# --- data


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_scores_and_labels_are_the_same_from_every_kind_of_file(tmp_path, ending):
    frame = observed(File(written(tmp_path / f"judged.{ending}", rows())))
    assert frame["judge"].tolist() == [row["judge"] for row in rows()]
    assert frame["label"].tolist() == pytest.approx([float(row["label"] or "nan") for row in rows()], nan_ok=True)
    assert frame["label"].notna().sum() == 120


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_labels_of_a_column_with_gaps_may_be_written_as_decimals(tmp_path, ending):
    path, table = tmp_path / f"x.{ending}", pd.DataFrame({"judge": [1, 0, 1], "label": [1, np.nan, 0]})
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    assert observed(File(path))["label"].tolist() == pytest.approx([1, np.nan, 0], nan_ok=True)


def test_a_file_without_labels_has_none(tmp_path):
    table = [{"judge": 1}, {"judge": 0}]
    assert observed(File(written(tmp_path / "x.jsonl", table)))["label"].isna().all()


@pytest.mark.parametrize(("row", "says"), [
    ({"judge": 1.2}, "has the score 1.2; allowed: 0 to 1"),
    ({"judge": -0.1}, "has the score -0.1; allowed: 0 to 1"),
    ({"judge": "yes"}, "'judge' holds a text of 3 characters; allowed: a finite number"),
    ({"judge": "nan"}, "'judge' holds a text of 3 characters; allowed: a finite number"),
    ({"judge": True}, "'judge' holds true or false; allowed: a finite number"),
    ({"judge": [1]}, "'judge' holds a list of 1; allowed: a finite number"),
    ({"judge": 1, "label": "right"}, "has the label 'right'; allowed: 0, 1, or none"),
    ({"judge": 1, "label": 2}, "has the label '2'; allowed: 0, 1, or none"),
    ({"judge": 1, "label": 0.5}, "'label' holds a number; allowed: text or a whole number"),
    ({"judge": 1, "label": True}, "'label' holds true or false; allowed: text or a whole number"),
])
def test_what_is_no_score_and_no_label_is_refused_in_one_line(tmp_path, row, says):
    with pytest.raises(DataError, match=says) as caught:
        observed(File(written(tmp_path / "x.jsonl", [{"judge": 0, "label": 1}, row])))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("threshold", [0, -1, 1.5])
def test_a_threshold_that_tells_nothing_is_refused(threshold):
    with pytest.raises(ValueError, match="allowed: above 0, at most 1"):
        Judged(threshold)


# --- controls


@pytest.mark.parametrize("level", [0.95, STRICT])
def test_controls_hold_at_every_level_and_seed(level):
    for seed in range(3):
        assert controls_of(Judged(), level=level, seed=seed, check="x") == BOTH


def sabotaged(how):
    """Return `prediction_powered` as it should not be: the judge's word, the labels alone, the correction turned."""
    real = detector.prediction_powered

    def powered(labels, judged, others, *rest, **options):
        if how == "the judge's word":
            said = np.append(others, judged)
            return real(said, np.zeros(len(said)), np.zeros(1), *rest, **options)
        if how == "the labels alone":
            return real(labels, np.zeros(len(labels)), others, *rest, **options)
        return real(labels, judged, np.clip(2 * judged.mean() - others, 0, 1), *rest, **options)

    return powered


@pytest.mark.parametrize("how", ["the judge's word", "the labels alone", "turned round"])
def test_controls_catch_a_broken_correction(monkeypatch, how):
    monkeypatch.setattr(detector, "prediction_powered", sabotaged(how))
    assert controls_of(Judged(), level=STRICT, seed=0, check="x") != BOTH


# --- whole audits of data


PLAN = """
title: Answers under a judge
checks:
  - name: answers
    probe: {use: factuality.judged}
    data: {%s}
    limit: {measure: right_share, at_least: 0.6}
"""


def audited(tmp_path, data):
    (tmp_path / "plan.yaml").write_text(PLAN % data, "utf-8")
    return run(load_plan(tmp_path / "plan.yaml"), into=tmp_path / "audits")


@pytest.mark.parametrize(("right", "verdict"), [(0.4, "failed"), (0.8, "passed")])
def test_from_plan_to_record_without_a_model(tmp_path, right, verdict):
    written(tmp_path / "judged.csv", rows(3000, 300, right, seed=1))  # one in forty seeds is missed, 0 among them
    audit = audited(tmp_path, "items: {use: file, path: judged.csv}")
    (finding,) = audit.record.findings
    assert finding.verdict == verdict, finding.why
    assert finding.controls == BOTH
    assert finding.headline.low < right < finding.headline.high
    assert finding.headline.n == {"items": 3000, "units": 300}
    assert finding.calls == 0
    assert len(audit.items("answers")) == 3000
    assert recompute(audit) >= len(JUDGED_MEASURES)
    assert check_digests(audit) > 2


def test_a_plan_with_too_few_labels_is_told_how_many_are_needed(tmp_path):
    written(tmp_path / "judged.jsonl", rows(500, 12))
    (finding,) = audited(tmp_path, "items: {use: file, path: judged.jsonl}").record.findings
    assert finding.verdict == "inconclusive"
    assert "12 labelled units are too few" in finding.why
    assert "30 are needed" in finding.why


def test_a_plan_with_a_calibration_set(tmp_path):
    written(tmp_path / "judged.jsonl", rows(1500, 0, 0.8))
    written(tmp_path / "known.jsonl", [{**row, "text": f"{row['text']}, known"} for row in rows(300, 300, 0.3, seed=1)])
    audit = audited(tmp_path, "items: {use: file, path: judged.jsonl}, calibration: {use: file, path: known.jsonl}")
    (finding,) = audit.record.findings
    assert finding.headline.method.startswith("corrected for sensitivity and specificity")
    assert finding.headline.low < 0.8 < finding.headline.high
    assert finding.verdict == "passed", finding.why
