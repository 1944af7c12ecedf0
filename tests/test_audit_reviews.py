"""Reviews: only added, one chain, nothing lost to a kill or a second writer; overrides beside the machine's number."""

import random
import signal
import time
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pandas as pd
import pytest
from forks import Fork
from markov import MarkovText, Repeats
from pydantic import ValidationError
from report_fixtures import finding, rate, write_audit
from review_fixtures import SHEET, small_audit
from scipy import stats

from audit.data.tabular import File
from audit.errors import IntegrityError, UsageError
from audit.execute import run
from audit.integrity import verify_audit
from audit.plan import Check, Plan
from audit.record import REVIEWS_FILE, Evidence, Limit, load_record
from audit.review import (
    Action,
    Comment,
    Decision,
    Due,
    Override,
    Owner,
    Rating,
    Status,
    TargetState,
    add_reviews,
    read_reviews,
    signature_of,
    state_of,
)
from audit.signing import make_key
from audit.signing.keys import read_key
from detectors.intervals import betting_mean
from detectors.sequential import RateTest

AT = datetime(2026, 11, 24, 10, 3, tzinfo=timezone(timedelta(hours=9)))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small_audit(tmp_path_factory.mktemp("made"))


@pytest.fixture
def audit(made, tmp_path):
    for path in made.folder.rglob("*"):
        if path.is_file():
            target = tmp_path / "audit" / path.relative_to(made.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return load_record(tmp_path / "audit")


@pytest.fixture
def keys(tmp_path):
    for name in ("kim", "lee"):
        make_key(tmp_path / name)
    return read_key(tmp_path / "kim"), read_key(tmp_path / "lee")


def say(audit, *says, author="Kim", **more):
    return add_reviews(audit, *says, author=author, **{"at": AT, **more})


def writer(audit, name, count):
    """A process that says so many words, and tells the number of each that was kept."""

    def write(tell):
        for number in range(count):
            say(audit, Comment(check="limited", text=f"{name} {number}"), author=name)
            tell(number + 1)

    return Fork(write)


def test_the_latest_word_of_each_kind_counts_and_comments_stay(audit):
    say(audit, Rating(check="limited", rating="low"), Owner(check="limited", owner="Lee"), Comment(text="Whole"))
    say(audit, Rating(check="limited", rating="high"), Action(check="limited", action="Train"), author="Lee")
    say(audit, Due(check="limited", due=date(2026, 12, 1)), Comment(check="limited", text="One"))
    say(audit, Comment(check="limited", text="Two"))
    state = state_of(audit)
    found = state.of("limited")
    assert (found.rating, found.owner, found.action, found.due) == ("high", "Lee", "Train", date(2026, 12, 1))
    assert [entry.says.text for entry in found.comments] == ["One", "Two"]
    assert [entry.says.text for entry in state.of().comments] == ["Whole"]
    assert state.of("free") == TargetState()
    assert (found.overdue(date(2026, 12, 1)), found.overdue(date(2026, 12, 2))) == (False, True)
    assert state.decision == "draft"
    assert state.verdict == audit.record.verdict == "failed"


def test_every_line_names_the_line_before_and_the_record(audit):
    from audit.files import digest_file, sha256

    say(audit, Comment(text="One"), Comment(text="Two"))
    lines = (audit.folder / REVIEWS_FILE).read_bytes().splitlines(keepends=True)
    first, second = read_reviews(audit.folder).entries
    assert first.previous == f"sha256:{'0' * 64}"
    assert second.previous == sha256(lines[0])
    assert first.record == digest_file(audit.folder / "record.json")
    assert first.at.isoformat() == "2026-11-24T10:03:00+09:00"


def test_without_reviews_the_state_is_the_machines(audit):
    state = state_of(audit)
    assert (state.decision, state.on, state.entries, state.verdict) == ("draft", None, (), audit.record.verdict)
    assert list(state.findings) == audit.record.findings


def test_two_processes_lose_nothing(audit):
    processes = [writer(audit, name, 400) for name in ("Kim", "Lee")]
    assert [process.end()[0] for process in processes] == [0, 0]
    entries = read_reviews(audit.folder).entries
    for name in ("Kim", "Lee"):
        said = [entry.says.text for entry in entries if entry.author == name]
        assert said == [f"{name} {number}" for number in range(400)]
    assert len(entries) == 800


def test_kill_9_loses_at_most_the_entry_in_flight(audit):
    rng, told, killed = random.Random(3), 0, 0
    for _ in range(4):
        process = writer(audit, "Kim", 100_000)
        process.told.readline()
        time.sleep(rng.uniform(0.01, 0.3))
        process.kill()
        code, rest = process.end()
        killed += code == -signal.SIGKILL
        told += 1 + sum(line.isdigit() for line in rest)
        entries = len(read_reviews(audit.folder).entries)
        assert told <= entries <= told + 1
        told = entries
    assert killed == 4
    assert told > 8


def test_a_last_line_cut_anywhere_is_dropped_and_said_and_writing_goes_on(audit):
    say(audit, Comment(text="One"), Comment(text="Two"))
    path = audit.folder / REVIEWS_FILE
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first + 1, len(whole)):
        path.write_bytes(whole[:cut])
        reviews = read_reviews(audit.folder)
        assert (len(reviews.entries), reviews.torn) == (1, cut - first)
    assert state_of(audit).torn == len(whole) - 1 - first
    say(audit, Comment(text="Three"))
    reviews = read_reviews(audit.folder)
    assert [entry.says.text for entry in reviews.entries] == ["One", "Three"]
    assert reviews.torn == 0


def test_a_flip_of_any_byte_breaks_the_chain_or_a_signature(audit, keys):
    say(audit, Comment(text="One"), Rating(check="limited", rating="high"), key=keys[0])
    path = audit.folder / REVIEWS_FILE
    whole = path.read_bytes()
    rng = random.Random(1)
    for place in range(len(whole) - 1):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        try:
            signatures = {signature_of(entry) for entry in read_reviews(audit.folder).entries}
        except IntegrityError:
            continue
        assert "broken" in signatures, (place, flipped[place])


@pytest.mark.parametrize("change", ["swap", "drop", "twice"])
def test_a_line_moved_taken_out_or_doubled_is_found(audit, change):
    say(audit, *(Comment(text=text) for text in "abc"))
    path = audit.folder / REVIEWS_FILE
    one, two, three = path.read_bytes().splitlines(keepends=True)
    lines = {"swap": (two, one, three), "drop": (one, three), "twice": (one, one, two, three)}[change]
    path.write_bytes(b"".join(lines))
    with pytest.raises(IntegrityError, match="does not follow the line before"):
        read_reviews(audit.folder)


def test_reviews_of_another_record_are_refused(audit):
    say(audit, Comment(text="One"))
    record = audit.folder / "record.json"
    record.write_bytes(record.read_bytes().replace(b'"failed"', b'"passed"'))
    with pytest.raises(IntegrityError, match="speaks of another record"):
        read_reviews(audit.folder)


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b"[]\n", b"\xff\xfe\n", b'{"a":' * 3000 + b"\n", b'{"schema":2}\n'])
def test_what_is_no_entry_is_one_line(audit, line):
    (audit.folder / REVIEWS_FILE).write_bytes(line)
    with pytest.raises(IntegrityError) as error:
        read_reviews(audit.folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Comment, {"text": ""}),
        (Comment, {"text": "x", "item": "1"}),
        (Comment, {"text": "x", "more": 1}),
        (Rating, {"rating": "severe"}),
        (Owner, {"owner": "a\x1b[31m"}),
        (Status, {"status": "waived", "check": "c", "reason": "r"}),
        (Status, {"status": "waived", "check": "c", "until": date(2027, 1, 1)}),
        (Status, {"status": "waived", "reason": "r", "until": date(2027, 1, 1)}),
        (Status, {"status": "open", "until": date(2027, 1, 1)}),
        (Override, {"check": "c", "item": "i", "value": 1.5, "reason": "r"}),
        (Override, {"check": "c", "item": "i", "value": float("nan"), "reason": "r"}),
        (Override, {"check": "c", "value": 1.0, "reason": "r"}),
        (Decision, {"decision": "approved", "check": "c"}),
        (Decision, {"decision": "maybe"}),
    ],
)
def test_entries_are_strict(kind, fields):
    with pytest.raises(ValidationError):
        kind(**fields)


@pytest.mark.parametrize(
    ("says", "said"),
    [
        (Comment(check="limted", text="x"), "did you mean 'limited'"),
        (Comment(check="limited", item="nobody", text="x"), "no item 'nobody'"),
        (Override(check="limited", item="nobody", value=1.0, reason="x"), "no item 'nobody'"),
    ],
)
def test_what_is_not_there_cannot_be_spoken_of(audit, says, said):
    with pytest.raises(UsageError, match=said):
        say(audit, Comment(text="first"), says)
    assert not (audit.folder / REVIEWS_FILE).exists(), "nothing of it was written"


def test_a_waiver_counts_until_its_last_day_and_never_changes_the_record(audit):
    before = (audit.folder / "record.json").read_bytes()
    say(audit, Status(check="limited", status="waived", reason="pilot", until=date(2026, 12, 31)))
    last, after = state_of(audit, date(2026, 12, 31)), state_of(audit, date(2027, 1, 1))
    assert (last.waived("limited"), after.waived("limited")) == (True, False)
    assert (last.verdict, after.verdict) == ("measured", "failed")
    assert [finding.verdict for finding in last.findings] == ["failed", "measured"]
    assert (audit.folder / "record.json").read_bytes() == before
    say(audit, Status(check="limited", status="open"))
    assert state_of(audit, date(2026, 12, 31)).verdict == "failed"


def ids_of(audit, check, value):
    items = audit.items(check)
    return [str(item) for item in items.index[items["value"] == value]]


def test_overrides_give_the_number_again_by_the_same_method(audit):
    machine = audit.finding("limited").headline
    wrong = ids_of(audit, "limited", 1.0)
    assert machine.value == pytest.approx(36 / 81)
    changed = wrong[:26]
    say(audit, *(Override(check="limited", item=item, value=0.0, reason="seen") for item in changed))
    chosen = state_of(audit).reviewed["limited"]
    assert (chosen.problem, chosen.finding.verdict, state_of(audit).verdict) == ("chosen", "failed", "failed")
    assert (chosen.measure.value, chosen.measure.low, chosen.measure.high) == (pytest.approx(10 / 81), None, None)
    rest = {**dict.fromkeys(wrong[26:], 1.0), **dict.fromkeys(ids_of(audit, "limited", 0), 0.0)}
    say(audit, *(Override(check="limited", item=item, value=value, reason="seen") for item, value in rest.items()))
    reviewed = state_of(audit).reviewed["limited"]
    k, alpha = 10, 1 - machine.level
    assert reviewed.machine == audit.finding("limited")
    assert reviewed.measure.value == pytest.approx(k / 81)
    assert reviewed.measure.low == pytest.approx(stats.beta.ppf(alpha / 2, k, 81 - k + 1))
    assert reviewed.measure.high == pytest.approx(stats.beta.ppf(1 - alpha / 2, k + 1, 81 - k))
    assert reviewed.measure.method == machine.method
    assert (reviewed.machine.verdict, reviewed.finding.verdict) == ("failed", "passed")
    assert state_of(audit).verdict == "passed"
    turned = {(one.item, one.machine, one.reviewed) for one in reviewed.changes if one.machine != one.reviewed}
    assert turned == {(item, 1.0, 0.0) for item in changed}
    every = [one.item for one in reviewed.changes]
    say(audit, *(Override(check="limited", item=item, reason="the machine was right") for item in every))
    assert state_of(audit).reviewed == {}
    assert state_of(audit).verdict == "failed"


def test_an_override_that_says_what_the_machine_said_gives_its_very_number(audit):
    item = ids_of(audit, "limited", 1.0)[0]
    say(audit, Override(check="limited", item=item, value=1.0, reason="right"))
    reviewed = state_of(audit).reviewed["limited"]
    assert reviewed.measure == audit.finding("limited").headline
    assert reviewed.finding == audit.finding("limited")


def test_units_weigh_the_same_after_review_too(tmp_path):
    values, units = [1.0, 0.0, 1.0, 1.0], ["u", "u", "v", "w"]
    measure = replace(rate("stereotype_share", 3, 4), value=2.5 / 3, mean_of="value", unit_of="unit", level=0.9)
    frame = pd.DataFrame({"id": list("abcd"), "value": values, "unit": units})
    audit = write_audit(
        tmp_path / "x", [finding("pairs", "measured", "why", measures=[measure])], items={"pairs": frame}
    )
    after = {**dict(zip("abcd", values, strict=True)), "c": 0.5}
    say(audit, *(Override(check="pairs", item=item, value=value, reason="seen") for item, value in after.items()))
    found = state_of(audit).reviewed["pairs"].measure
    assert found.value == pytest.approx((0.5 + 0.5 + 1.0) / 3)
    low, high = betting_mean([0.5, 0.5, 1.0], 0.9)
    orders = [betting_mean(order, 0.9) for order in ([0.5, 1.0, 0.5], [1.0, 0.5, 0.5])]
    assert any((found.low, found.high) == pytest.approx(one) for one in [(low, high), *orders])
    assert found.n == {"items": 4, "units": 3}


def test_a_check_that_stopped_early_is_reviewed_with_its_own_sequence(tmp_path):
    texts = [a + b + c for a in "abc" for b in "abc" for c in "abc"] * 4
    path = tmp_path / "texts.csv"
    path.write_text("text,id\n" + "\n".join(f"{text},{number}" for number, text in enumerate(texts)) + "\n")
    check = Check(
        "early", Repeats(), {"items": File(path, id="id")}, Limit(measure="repeat_share", at_most=0.9), stop="early"
    )
    audit = run(Plan(title="Early", checks=(check,), model=MarkovText()), into=tmp_path / "audits")
    items, machine = audit.items("early"), audit.finding("early").headline
    assert len(items) < len(texts)
    item = str(items.index[items["value"] == 0.0][0])
    values = items["value"].copy()
    values[item] = 1.0
    say(audit, *(Override(check="early", item=str(one), value=value, reason="seen") for one, value in values.items()))
    found = state_of(audit).reviewed["early"].measure
    test = RateTest(0.9, machine.level)
    test.update(values.to_numpy())
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(test.interval)
    assert found.method == machine.method


def broken(audit, what):
    """Spoil what an override needs, behind the back of the record."""
    measure = audit.finding("limited").headline
    fields = {"no mean": {"mean_of": None}, "another number": {"value": 0.4}, "a group": {"group": "g"}}.get(what, {})
    if fields:
        update = {"measures": [replace(measure, **fields)], "limit": None}
        record = audit.record.model_copy(update={"findings": [audit.record.findings[0].model_copy(update=update)]})
        from audit.record import dump

        (audit.folder / "record.json").write_bytes(dump(record))
    elif what == "items gone":
        (audit.folder / "items" / "limited.parquet").unlink()
    else:
        path = audit.folder / "items" / "limited.parquet"
        frame = pd.read_parquet(path)
        frame["value"] = 1.0
        frame.to_parquet(path)
    return load_record(audit.folder)


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("no mean", "not_a_mean"),
        ("a group", "not_a_mean"),
        ("another number", "not_reproduced"),
        ("items gone", "items_missing"),
        ("items changed", "items_changed"),
    ],
)
def test_where_the_number_cannot_be_made_again_it_says_so(audit, what, problem):
    item = ids_of(audit, "limited", 1.0)[0]
    if what not in ("items gone", "items changed"):
        audit = broken(audit, what)
        with pytest.raises(UsageError, match="cannot be overridden"):
            say(audit, Override(check="limited", item=item, value=0.0, reason="x"))
        return
    say(audit, Override(check="limited", item=item, value=0.0, reason="x"))
    state = state_of(broken(audit, what))
    assert state.reviewed["limited"].problem == problem
    assert state.reviewed["limited"].measure is None
    assert state.verdict == "failed", "the machine's verdict stands"


def test_a_finding_that_was_spoilt_stays_undecided(audit):
    item = ids_of(audit, "limited", 1.0)[0]
    spoilt = audit.record.findings[0].model_copy(
        update={"controls": {"positive": False, "negative": True}, "verdict": "inconclusive"}
    )
    record = audit.record.model_copy(update={"findings": [spoilt], "verdict": "inconclusive"})
    from audit.record import dump

    (audit.folder / "record.json").write_bytes(dump(record))
    audit = load_record(audit.folder)
    say(audit, Override(check="limited", item=item, value=0.0, reason="x"))
    assert state_of(audit).reviewed["limited"].finding.verdict == "inconclusive"


def test_the_items_evidence_is_a_file_of_the_folder(audit):
    finding = audit.record.findings[0]
    outside = finding.model_copy(update={"check": "../../x", "evidence": [Evidence(path="items/../../x", sha256="s")]})
    record = audit.record.model_copy(update={"findings": [outside]})
    from audit.record import dump

    (audit.folder / "record.json").write_bytes(dump(record))
    with pytest.raises(UsageError, match="no item"):
        say(load_record(audit.folder), Comment(check="../../x", item="1", text="x"))


def test_signatures_hold_and_say_whose_they_are(audit, keys):
    kim, _ = keys
    (entry,) = say(audit, Decision(decision="in review"), key=kim)
    assert signature_of(entry) == "holds"
    assert entry.key == kim.public
    (stored,) = read_reviews(audit.folder).entries
    assert stored == entry
    assert signature_of(stored.model_copy(update={"author": "Lee"})) == "broken"
    (plain,) = say(audit, Comment(text="x"))
    assert signature_of(plain) == "none"


@pytest.mark.parametrize("where", ["plan", "command"])
def test_with_the_two_person_rule_another_person_must_approve(tmp_path, keys, where):
    kim, lee = keys
    audit = small_audit(tmp_path, two_person=where == "plan")
    ask = Decision(decision="in review", two_person=where == "command")
    approve = Decision(decision="approved")
    if where == "plan":
        with pytest.raises(UsageError, match="nobody asked for one"):
            say(audit, approve, author="Lee")
    say(audit, ask, author="Kim", key=kim)
    for author, key in (("Kim", None), (" kim ", lee), ("Someone", kim)):
        with pytest.raises(UsageError, match="another person"):
            say(audit, approve, author=author, key=key)
    say(audit, approve, author="Lee", key=lee)
    state = state_of(audit)
    assert (state.decision, state.two_person) == ("approved", True)
    assert [(row.entry.author, row.decision, row.counts) for row in state.sign_off] == [
        ("Kim", "in review", True), ("Lee", "approved", True)
    ]
    say(audit, Decision(decision="changes asked", reason="once more"), author="Lee")
    assert state_of(audit).decision == "changes asked"
    with pytest.raises(UsageError, match="nobody asked for one"):
        say(audit, approve, author="Lee")


@pytest.mark.parametrize("name", ["Kim\u200b", "\u202eKim", "Ｋｉｍ", "Kim\u3164", " kim ", "КІМ"])
def test_one_person_is_not_two_by_a_letter_that_nobody_sees(tmp_path, name):
    audit = small_audit(tmp_path, two_person=True)
    say(audit, Decision(decision="in review"), author="Kim")
    with pytest.raises(UsageError, match="another person"):
        say(audit, Decision(decision="approved"), author=name)
    assert state_of(audit).decision == "in review"


def test_a_name_is_stored_as_it_reads(audit):
    (entry,) = say(audit, Comment(text="x"), author=" Kim\u200b  Minji\u202e")
    assert entry.author == "Kim Minji"
    with pytest.raises(UsageError, match="look alike"):
        say(audit, Comment(text="x"), author="Kіm")


def test_who_asked_signed_wants_a_signed_approval_with_another_key(tmp_path, keys):
    kim, lee = keys
    audit = small_audit(tmp_path, two_person=True)
    say(audit, Decision(decision="in review"), author="Kim", key=kim)
    for key, why in ((None, "not signed; two persons are"), (kim, "signed with the same key as the request")):
        with pytest.raises(UsageError, match=why):
            say(audit, Decision(decision="approved"), author="Lee", key=key)
    say(audit, Decision(decision="approved"), author="Lee", key=lee)
    assert state_of(audit).decision == "approved"


def test_two_names_without_two_keys_are_no_two_persons(tmp_path, keys):
    kim, lee = keys
    audit = small_audit(tmp_path, two_person=True)
    say(audit, Decision(decision="in review"), author="Kim")
    for key, why in ((None, "not signed"), (lee, "the request by Kim is not signed, and names alone are")):
        with pytest.raises(UsageError, match=why):
            say(audit, Decision(decision="approved"), author="Lee", key=key)
    say(audit, Decision(decision="in review"), author="Kim", key=kim)
    say(audit, Decision(decision="approved"), author="Lee", key=lee)
    assert state_of(audit).decision == "approved"


def test_everybody_who_asked_for_a_review_is_no_second_person(tmp_path, keys):
    kim, other = keys
    audit = small_audit(tmp_path, two_person=True)
    say(audit, Decision(decision="in review"), author="Kim", key=kim)
    say(audit, Decision(decision="in review"), author="Lee")
    for name in ("Kim", "Lee"):
        with pytest.raises(UsageError, match="Kim, Lee asked for this one"):
            say(audit, Decision(decision="approved"), author=name, key=other)
    say(audit, Decision(decision="approved"), author="Park", key=other)
    assert state_of(audit).decision == "approved"


def test_a_clock_set_back_lets_no_waiver_hold_again_and_is_told(audit):
    say(audit, Status(check="limited", status="waived", reason="x", until=date(2026, 12, 1)))
    assert state_of(audit).waived("limited")
    say(audit, Comment(text="later"), at=AT + timedelta(days=60))
    assert not state_of(audit).waived("limited")
    say(audit, Comment(text="in 2020"), at=AT - timedelta(days=2000))
    assert not state_of(audit).waived("limited")
    assert not state_of(audit, AT.date()).waived("limited"), "nor where the reader's clock is set back"
    assert read_reviews(audit.folder).back == (3,)
    assert "entry 3 is dated before an earlier one; the latest day counts" in "\n".join(
        verify_audit(audit.folder).lines()
    )


def test_a_list_cut_off_at_its_end_is_found_by_its_head_or_its_length(audit):
    say(audit, Decision(decision="approved"))
    before = (audit.folder / REVIEWS_FILE).read_bytes()
    say(audit, Decision(decision="rejected"))
    head = verify_audit(audit.folder).head
    assert read_reviews(audit.folder).digests[-1] == head
    say(audit, Comment(text="more"))
    verify_audit(audit.folder, entries=2, head=head.removeprefix("sha256:")[:8])
    (audit.folder / REVIEWS_FILE).write_bytes(before)
    assert "later ones may be missing" in "\n".join(verify_audit(audit.folder).lines()), "which nobody can see"
    for asked in ({"entries": 2}, {"head": head.removeprefix("sha256:")}):
        with pytest.raises(IntegrityError, match=r"reviews\.jsonl"):
            verify_audit(audit.folder, **asked)


def test_an_approval_that_slipped_in_does_not_count(tmp_path, monkeypatch):
    audit = small_audit(tmp_path, two_person=True)
    say(audit, Decision(decision="in review"))
    monkeypatch.setattr("audit.review.writer._refuse", lambda *_: None)
    say(audit, Decision(decision="approved"))
    state = state_of(audit)
    assert state.decision == "in review"
    assert [row.counts for row in state.sign_off] == [True, False]


def test_without_the_rule_one_person_may_do_both(audit):
    say(audit, Decision(decision="in review"), Decision(decision="approved"))
    assert state_of(audit).decision == "approved"


def test_a_reviewed_audit_is_not_run_again(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("text\nabc\n")
    plan = Plan(
        title="Crash", checks=(Check("crash", Repeats(crash=True), {"items": File(path)}),), model=MarkovText()
    )
    audit = run(plan, into=tmp_path / "audits")
    assert run(plan, into=tmp_path / "audits").run.attempts == 2
    say(audit, Comment(text="crashed"))
    with pytest.raises(UsageError, match="--fresh"):
        run(plan, into=tmp_path / "audits")


def test_sheet_and_rule_stand_in_plan_and_record(tmp_path):
    plain = small_audit(tmp_path / "plain")
    told = small_audit(tmp_path / "told", sheet=SHEET, two_person=True)
    assert (plain.record.sheet, plain.record.two_person) == (None, False)
    assert (told.record.sheet, told.record.two_person) == (SHEET, True)
    assert plain.record.id != told.record.id
    assert b'"sheet":{"inventory_id":"LM-7","owner":"Kim"' in (told.folder / "plan.json").read_bytes()
    assert b"sheet" not in (plain.folder / "plan.json").read_bytes()


def test_what_cannot_be_written_is_one_line(audit):
    (audit.folder / REVIEWS_FILE).mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        say(audit, Comment(text="x"))


def test_a_full_disk_leaves_no_part_of_a_line(audit, monkeypatch):
    import audit.files.disk as module

    say(audit, Comment(text="One"))
    before = (audit.folder / REVIEWS_FILE).read_bytes()
    write = module.os.write
    monkeypatch.setattr(module.os, "write", lambda handle, line: write(handle, line[:40]))
    with pytest.raises(UsageError, match="the disk is full"):
        say(audit, Comment(text="Two"))
    assert (audit.folder / REVIEWS_FILE).read_bytes() == before
