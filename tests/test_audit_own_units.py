"""Units that only some items name: how many do not is told before the numbers, in every way of running."""

import json

import pytest
from rates import Ones

from audit.cli.screen import finding_line
from audit.data.tabular import File
from audit.errors import IntegrityError
from audit.execute import run
from audit.integrity import recompute
from audit.plan import Check, Plan
from audit.record import Limit
from reports.text import Notation, words_of

REMARK = {"key": "own_units", "own_count": 20.0, "asked_count": 60.0}


def audited(folder, units, *, stop="full", own_ids=True, **more):
    """Audit 60 items, no two of which are equal, whose units are given; where ids come from what items say, two are."""
    path = folder / "items.jsonl"
    texts = ["1" if number % 3 else "0" for number in range(len(units))]
    rows = [
        {"name": f"i{number}", "text": text, "meta": [{"writer": unit} if unit else {}]}
        for number, (text, unit) in enumerate(zip(texts, units, strict=True))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = File(path, fields={"unit": "meta.0.writer"}, id="name" if own_ids else None)
    check = Check("c0", Ones(), {"items": data}, Limit(measure="ones", at_most=0.9), stop=stop)
    return run(Plan("Units", (check,), **more), into=folder / "audits")


SOME = [None if number % 3 == 0 else f"w{number % 4}" for number in range(60)]


@pytest.mark.parametrize("own_ids", [True, False])
@pytest.mark.parametrize(
    "more", [{}, {"stop": "early", "seed": 1}, {"target": "benchmark"}, {"target": "benchmark", "limit": 60}]
)
def test_items_without_a_unit_are_counted_and_told(tmp_path, more, own_ids):
    audit = audited(tmp_path, SOME, own_ids=own_ids, **more)
    found = audit.finding("c0")
    told = [one for one in found.remarks if one["key"] == "own_units"]
    assert told == [REMARK] or (more.get("stop") and told[0]["own_count"] < told[0]["asked_count"] <= 60)
    count = f"{told[0]['own_count']:.0f} of {told[0]['asked_count']:.0f} items name no independent unit"
    assert count in finding_line(found)
    assert count in Notation(words_of("en")).remark(told[0])
    assert "독립 단위가 적혀 있지 않아" in Notation(words_of("ko")).remark(told[0])
    assert recompute(audit, {"c0": Ones()})


@pytest.mark.parametrize("units", [[None if number else "w" for number in range(60)][::-1], ["w1", "w2"] * 30])
def test_one_named_unit_is_some_and_all_are_nothing_to_tell(tmp_path, units):
    told = [one for one in audited(tmp_path, units).finding("c0").remarks if one["key"] == "own_units"]
    assert [one["own_count"] for one in told] == ([] if None not in units else [59.0])


def test_judging_again_holds_the_count_and_earlier_records_without_it_stand(tmp_path):
    audit = audited(tmp_path, SOME)
    finding = audit.finding("c0")

    def with_remarks(remarks):
        changed = finding.model_copy(update={"remarks": remarks})
        return type(audit)(audit.folder, audit.record.model_copy(update={"findings": [changed]}), audit.run)

    assert recompute(with_remarks([]), {"c0": Ones()})
    with pytest.raises(IntegrityError, match="remarks"):
        recompute(with_remarks([REMARK | {"own_count": 2.0}]), {"c0": Ones()})
