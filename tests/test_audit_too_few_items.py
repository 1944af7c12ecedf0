"""What a plan's data will be too few for is told before anything is asked: by the number that would do, by group."""

import json
import re

import pytest

from audit.cli.sizing import plan_size
from audit.execute import size_plan
from audit.plan import load_plan

PLAN = """
title: t
model: {{use: autoregressive_series, path: ./model}}
checks:
  - name: novelty
    probe: {{use: novelty.likelihood{options}}}
    data:
      items: {{use: file, path: items.jsonl}}
      fit: {{use: file, path: fit.jsonl}}
      calibration: {{use: file, path: calibration.jsonl}}
      foreign: {{use: file, path: foreign.jsonl}}
"""
SIZES = {"items": 90, "fit": 20, "calibration": 60, "foreign": 10}


def plan_of(folder, options="", groups=None):
    """Write a plan with series; `groups`: the group of each calibration item, or nothing."""
    (folder / "model").mkdir(exist_ok=True)  # no model is opened
    for role, size in SIZES.items():
        named = [{}] * size if groups is None or role != "calibration" else [{"group": one} for one in groups]
        rows = ({"series": [len(role), place, 0.5], **one} for place, one in zip(range(size), named, strict=True))
        (folder / f"{role}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    path = folder / "plan.yaml"
    path.write_text(PLAN.format(options=options))
    return path


@pytest.mark.parametrize(("options", "groups", "lack"), [
    # ten foreign of a hundred at a rate of .1: p-values must get to .01, which takes 99
    ("", None, "calibration: 60 independent units are too few to decide anything; 99 would do"),
    (", fdr: 0.5", None, None),  # .05, 19 units
    (", fdr: 0.5, confidence: 0.9", None, "calibration: 60 independent .* 90 would do"),
    (", fdr: 0.5, tail_rate: 0.001", None, "calibration: 60 .* 300 would do"),
    (", fdr: 0.5", ["ko"] * 45 + ["en"] * 15, "calibration: 15 independent units of group en .* 19 would do"),
    (", fdr: 0.5", ["ko"] * 30 + ["en"] * 20 + [None] * 10, None),
    (", fdr: 0.5, tail_rate: 0.001", ["ko"] * 30 + ["en"] * 20 + [None] * 10, "calibration: 50 .* units are .* 300 .*"),
])
def test_what_calibration_lacks(tmp_path, capsys, options, groups, lack):
    path = plan_of(tmp_path, options, groups)
    (size,) = size_plan(load_plan(path))
    found = [str(one) for one in size.lacks]
    assert len(found) == (lack is not None)
    plan_size(path)
    told = capsys.readouterr().out
    if lack is not None:
        assert re.fullmatch(lack, found[0])
        assert f"  {found[0]}\n" in told
        assert size.as_json()["lacks"][0]["needed"] == size.lacks[0].needed
    else:
        assert "too few" not in told


@pytest.mark.parametrize("option", ["confidence: 1", "tail_rate: 0.2", "fdr: 0"])
def test_what_is_no_rate_is_refused(tmp_path, option):
    with pytest.raises(Exception, match=r"allowed: more than 0, less than"):
        load_plan(plan_of(tmp_path, f", {option}"))
