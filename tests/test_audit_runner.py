"""The runner: one finding for every check, the same record however often it was killed, the model asked once."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markov import MarkovModel, MarkovText, Repeats

from audit.ask import Asker, Store
from audit.data.tabular import File
from audit.errors import EndpointError, IntegrityError
from audit.execute import RunCallbacks, expected_calls, run
from audit.execute.check_run import CheckRun
from audit.execute.dry_run import Sizes
from audit.execute.observing import shards
from audit.integrity import check_digests, recompute
from audit.plan import Check, Plan, freeze
from audit.record import Limit, dump, load_record

TEXTS = [a + b + c + d for a in "abc" for b in "abc" for c in "abc" for d in "abc"]


@pytest.fixture
def data(tmp_path: Path) -> File:
    path = tmp_path / "texts.csv"
    path.write_text("text\n" + "\n".join(TEXTS) + "\n")
    return File(path)


def plan_of(data: File, model=None, **more) -> Plan:
    checks = (
        Check("limited", Repeats(), {"items": data}, Limit(measure="repeat_share", at_most=0.9)),
        Check("free", Repeats(), {"items": data}),
    )
    return Plan(**{"title": "Test", "checks": checks, "model": model or MarkovText().open(), "shard": 16, **more})


def test_from_plan_to_record(tmp_path, data):
    model = MarkovText().open()
    landed = []
    watch = RunCallbacks(on_finding=landed.append, command="test")
    audit = run(plan_of(data, model), into=tmp_path / "audits", watch=watch)
    limited, free = audit.record.findings
    # Making the first two letters equal gains the first step and may lose the second.
    move, stay = 0.1, 0.8
    likelier = sum(
        (stay if t[0] == t[2] else move) * stay > (stay if t[1] == t[2] else move) * (stay if t[0] == t[1] else move)
        for t in TEXTS
    )
    assert limited.measures[0].value == pytest.approx(likelier / 81)
    assert (limited.verdict, free.verdict, audit.record.verdict) == ("passed", "measured", "passed")
    assert limited.controls == {"positive": True, "negative": True}
    assert (limited.calls, free.calls) == (162, 162)
    assert landed == audit.record.findings
    assert audit.run.calls == 324
    assert audit.run.calls_asked == model.asked
    assert audit.items("limited")["value"].mean() == pytest.approx(likelier / 81)
    assert load_record(audit.folder).record == audit.record


def test_two_checks_with_the_same_question_ask_once(tmp_path, data):
    model = MarkovText().open()
    run(plan_of(data, model), into=tmp_path / "audits")
    alone = MarkovText().open()
    whole = plan_of(data, alone)
    run(replace(whole, checks=whole.checks[:1]), into=tmp_path / "others")
    assert model.asked == alone.asked


def test_a_finished_audit_is_read_and_fresh_makes_another(tmp_path, data):
    model, into = MarkovText().open(), tmp_path / "audits"
    first = run(plan_of(data, model), into=into)
    asked = model.asked
    again = run(plan_of(data, model), into=into)
    assert (again.folder, model.asked) == (first.folder, asked)
    fresh = run(plan_of(data, model), into=into, fresh=True)
    assert fresh.folder.name == f"{first.folder.name}-2"
    assert {one.ordinal for one in fresh.record.attempts} == {2}
    assert fresh.record.model_copy(update={"attempts": []}) == first.record
    assert run(plan_of(data, model), into=into, fresh=True).folder.name == f"{first.folder.name}-3"


def test_the_record_has_no_clock_and_does_not_depend_on_shards_asked_before(tmp_path, data):
    first = run(plan_of(data), into=tmp_path / "one")
    second = run(plan_of(data), into=tmp_path / "two")
    assert (first.folder / "record.json").read_bytes() == (second.folder / "record.json").read_bytes()
    assert dump(first.record) == (first.folder / "record.json").read_bytes()


class Dies(MarkovModel):
    """Raises KeyboardInterrupt at the n-th item."""

    def __init__(self, part, at):
        super().__init__(part)
        self.at = at

    def _count(self, item):
        super()._count(item)
        if self.asked == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", [1, 40, 100])
def test_an_interrupted_run_resumes_to_the_same_bytes(tmp_path, data, at):
    whole = run(plan_of(data), into=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(plan_of(data, Dies(MarkovText(), at)), into=tmp_path / "cut")
    model = MarkovText().open()
    resumed = run(plan_of(data, model), into=tmp_path / "cut")
    assert (resumed.folder / "record.json").read_bytes() == (whole.folder / "record.json").read_bytes()
    assert model.asked + at <= whole.run.calls_asked + 32


def test_a_crash_is_a_finding_and_is_tried_again(tmp_path, data):
    plan = plan_of(data)
    broken = Check("broken", Repeats(crash=True), {"items": data}, Limit(measure="repeat_share", at_most=1))
    audit = run(replace(plan, checks=(broken, *plan.checks)), into=tmp_path / "audits")
    finding = audit.finding("broken")
    assert (finding.verdict, finding.why) == ("crashed", "RuntimeError: planted crash")
    assert (audit.record.verdict, audit.finding("limited").verdict) == ("crashed", "passed")
    assert "planted crash" in audit.run.crashes["broken"]
    assert run(replace(plan, checks=(broken, *plan.checks)), into=tmp_path / "audits").run.attempts == 2


class Mute(MarkovModel):
    """A model without a likelihood."""

    missing = {"log_prob": "the server sends no log-probabilities"}  # noqa: RUF012
    log_prob = None


def test_what_cannot_be_measured_is_skipped_with_its_reason(tmp_path, data):
    audit = run(plan_of(data, Mute(MarkovText())), into=tmp_path / "audits")
    assert [finding.verdict for finding in audit.record.findings] == ["skipped", "skipped"]
    assert "the server sends no log-probabilities" in audit.record.findings[0].why
    assert audit.record.verdict == "inconclusive"
    none = plan_of(data)
    bare = run(replace(none, checks=(Check("limited", Repeats()),)), into=tmp_path / "audits")
    assert bare.record.findings[0].why == "The plan gives no data for items."


class Fickle(MarkovModel):
    """Shows another identity once it was asked more than `patience` items."""

    patience = 30

    def identity(self):
        return {"canary": "before" if self.asked <= self.patience else "after"}


def test_a_model_that_changes_in_mid_run_is_found_out(tmp_path, data):
    audit = run(plan_of(data, Fickle(MarkovText())), into=tmp_path / "audits")
    assert audit.record.changed == ["main"]
    assert {finding.reason["key"] for finding in audit.record.findings} == {"changed"}
    assert audit.record.verdict == "inconclusive"


def test_a_model_that_changed_between_two_runs_is_found_out(tmp_path, data):
    first, second = Fickle(MarkovText()), Fickle(MarkovText())
    first.patience = second.patience = 10**9
    dying = Dies(MarkovText(), 60)
    dying.identity = first.identity
    with pytest.raises(KeyboardInterrupt):
        run(plan_of(data, dying), into=tmp_path / "audits")
    second.patience = -1
    assert run(plan_of(data, second), into=tmp_path / "audits").record.changed == ["main"]


def test_no_old_verdict_is_shown_for_another_model(tmp_path, data):
    """The nightly run: the server is asked who answers before anything is shown, and another model is audited anew."""
    into, said, night = tmp_path / "audits", [], Fickle(MarkovText())
    night.patience = 10**9
    watch = RunCallbacks(on_remark=said.append)
    first = run(plan_of(data, night), into=into, watch=watch)
    asked = night.asked
    again = run(plan_of(data, night), into=into, watch=watch)
    assert (again.folder, night.asked, said) == (first.folder, asked, [])
    night.identity = lambda: {"canary": "another"}
    other = run(plan_of(data, night), into=into, watch=watch)
    assert other.folder.name == f"{first.folder.name}-2"
    assert night.asked == 2 * asked
    assert "another model answers now as main" in said[0]
    assert run(plan_of(data, night), into=into).folder == other.folder
    del night.identity
    assert run(plan_of(data, night), into=into).folder == first.folder
    assert night.asked == 2 * asked


def test_a_server_that_is_down_shows_no_old_verdict(tmp_path, data):
    night = Fickle(MarkovText())
    night.patience = 10**9
    run(plan_of(data, night), into=tmp_path / "audits")

    def down():
        raise EndpointError("http://127.0.0.1:1/v1: cannot connect")

    night.identity = down
    with pytest.raises(EndpointError):
        run(plan_of(data, night), into=tmp_path / "audits")


def test_an_audit_during_which_the_model_changed_is_no_verdict_to_show_again(tmp_path, data):
    night = Fickle(MarkovText())
    assert run(plan_of(data, night), into=tmp_path / "audits").record.changed == ["main"]
    night.patience = -1
    again = run(plan_of(data, night), into=tmp_path / "audits")
    assert (again.record.changed, again.record.verdict) == ([], "passed")


def test_verify_finds_an_altered_file_and_recompute_an_altered_number(tmp_path, data):
    audit = run(plan_of(data), into=tmp_path / "audits")
    assert check_digests(audit) > 4
    assert recompute(audit, {check.name: check.probe for check in plan_of(data).checks}) == 6
    record = json.loads((audit.folder / "record.json").read_bytes())
    record["findings"][0]["measures"][0]["value"] += 1e-6
    (audit.folder / "record.json").write_text(json.dumps(record))
    with pytest.raises(IntegrityError, match="repeat_share value"):
        recompute(load_record(audit.folder), {check.name: check.probe for check in plan_of(data).checks})
    for path in [
        *audit.folder.glob("items/*.parquet"),
        *audit.folder.glob("observations/*.parquet"),
        *audit.folder.glob("observed/*/*"),
    ]:
        kept = path.read_bytes()
        path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        with pytest.raises(IntegrityError):
            check_digests(audit)
        path.write_bytes(kept)
    (audit.folder / "plan.json").write_text("{}")
    with pytest.raises(IntegrityError, match=r"plan\.json"):
        check_digests(audit)


def test_expected_calls_and_limit(tmp_path, data):
    plan, told = plan_of(data, limit=10), []
    assert expected_calls(plan) == {"limited": 20, "free": 20}
    watch = RunCallbacks(on_expected=told.append, on_answer=told.append)
    assert run(plan, into=tmp_path / "audits", watch=watch).finding("free").calls == 20
    assert told[0] == {"limited": 20, "free": 20}, "before the first answer"


def test_a_check_runs_alone_and_its_crash_is_a_value(tmp_path, data):
    """The second check, without the first and without a runner, comes to the finding of the whole audit."""
    crash = Check("broken", Repeats(crash=True), {"items": data})
    plan = plan_of(data, model := MarkovText().open())
    plan = replace(plan, checks=(*plan.checks, crash))
    whole, alone = run(plan, into=tmp_path / "audits"), tmp_path / "alone"
    alone.mkdir()
    frozen = freeze(plan, {"main": model.fingerprint})
    door = Asker({"main": model}, Store(alone), plan.seed, "alone")
    free, broken = (
        CheckRun(plan.checks[place], plan, frozen["checks"][place], alone, Sizes.of(plan), model).ask(door)
        for place in (1, 2)
    )
    assert free == (whole.finding("free"), None)
    assert broken.finding == whole.finding("broken")
    assert (broken.finding.verdict, "Traceback" in broken.crash) == ("crashed", True)
    assert broken.crash.splitlines()[-1] == whole.run.crashes["broken"].splitlines()[-1]


@given(st.lists(st.integers(0, 9), max_size=6), st.integers(1, 7))
def test_shards_depend_on_the_rows_alone(lengths, size):
    rows = pd.DataFrame({"x": range(sum(lengths))})
    ends = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    batches = (rows.iloc[end - length : end] for end, length in zip(ends, lengths, strict=True))
    cut = list(shards(batches, size))
    assert [len(one) for one in cut] == [size] * (len(rows) // size) + [len(rows) % size] * (len(rows) % size > 0)
    assert pd.concat(cut)["x"].tolist() == rows["x"].tolist() if cut else rows.empty


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    kinds=st.lists(st.sampled_from(["good", "crash", "nodata", "mute"]), min_size=1, max_size=4), gating=st.booleans()
)
def test_every_check_has_exactly_one_finding(tmp_path, data, kinds, gating):
    limit = Limit(measure="repeat_share", at_most=0.9) if gating else None
    checks = tuple(
        Check(f"c{i}", Repeats(crash=kind == "crash"), {} if kind == "nodata" else {"items": data}, limit)
        for i, kind in enumerate(kinds)
    )
    model = Mute(MarkovText()) if "mute" in kinds else MarkovText().open()
    audit = run(plan_of(data, model, checks=checks, limit=16), into=tmp_path / "law", fresh=True)
    assert [finding.check for finding in audit.record.findings] == [check.name for check in checks]
    assert all(
        finding.verdict in ("passed", "failed", "inconclusive", "measured", "skipped", "crashed")
        for finding in audit.record.findings
    )


# --- early stopping --------------------------------------------------------------------------------------------------


def early_plan(data, model=None, *, at_most=0.95, **more) -> Plan:
    check = Check("early", Repeats(), {"items": data}, Limit(measure="repeat_share", at_most=at_most), stop="early")
    return plan_of(data, model, checks=(check,), **more)


def test_early_stopping_decides_as_the_full_run_with_fewer_calls(tmp_path, data):
    full = run(plan_of(data), into=tmp_path / "full").finding("limited")
    audit = run(early_plan(data), into=tmp_path / "early")
    finding = audit.finding("early")
    assert (finding.verdict, full.verdict) == ("passed", "passed")
    assert 0 < finding.calls < full.calls
    assert finding.calls_saved == full.calls - finding.calls
    assert finding.measures[0].method.startswith("confidence sequence")
    assert recompute(audit, {"early": Repeats()}) == 3
    failed = run(early_plan(data, at_most=0.05), into=tmp_path / "early").finding("early")
    assert (failed.verdict, failed.calls_saved > 0) == ("failed", True)


def test_an_undecided_early_check_asks_everything(tmp_path, data):
    share = run(plan_of(data), into=tmp_path / "full").finding("free").measures[0].value
    finding = run(early_plan(data, at_most=round(share, 3)), into=tmp_path / "early").finding("early")
    assert (finding.verdict, finding.calls, finding.calls_saved) == ("inconclusive", 162, 0)


def test_an_early_check_that_was_killed_stops_at_the_same_place(tmp_path, data):
    whole = run(early_plan(data), into=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(early_plan(data, Dies(MarkovText(), 2)), into=tmp_path / "cut")
    resumed = run(early_plan(data), into=tmp_path / "cut")
    assert (resumed.folder / "record.json").read_bytes() == (whole.folder / "record.json").read_bytes()


def test_another_seed_visits_another_order(tmp_path, data):
    firsts = set()
    for seed in (1, 2, 3):
        run(early_plan(data, seed=seed), into=tmp_path / str(seed))
        audit = load_record(next((tmp_path / str(seed)).glob("*/record.json")).parent)
        firsts.add(audit.items("early").index[0])
    assert len(firsts) > 1


def test_the_order_is_not_known_before_the_model_is_frozen(tmp_path, data):
    """One seed, several models that answer alike: each meets the items in an order of its own."""
    firsts = set()
    for number in range(3):
        model = MarkovText().open()
        model.fingerprint = f"sha256:{number}"
        audit = run(early_plan(data, model), into=tmp_path / str(number))
        assert recompute(audit, {"early": Repeats()}) == 3
        firsts.add(audit.items("early").index[0])
    assert len(firsts) > 1


def test_the_order_of_the_file_changes_nothing_of_an_early_check(tmp_path, data):
    turned = tmp_path / "turned.csv"
    turned.write_text("text\n" + "\n".join(reversed(TEXTS)) + "\n")
    audits = [run(early_plan(one), into=tmp_path / "audits") for one in (data, replace(data, path=turned))]
    one, two = (audit.items("early") for audit in audits)
    assert one.index.tolist() == two.index.tolist()
    assert audits[0].finding("early").measures == audits[1].finding("early").measures
