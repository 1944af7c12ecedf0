"""The screens' index: what it selects, orders and counts is what reading every record gives, whatever was before."""

import random
import shutil
import time
from datetime import date, timedelta
from itertools import product
from types import SimpleNamespace

import pandas as pd
import pytest
from dashboard_fixtures import RUNNING, make_running
from report_fixtures import ENDPOINT, LM, finding, write_audit
from test_dashboard_views import rows_of, screen, seen

from audit.catalogue import CATALOGUE, ORDERS, SOON, Asked, ToSettle
from audit.record import UNSETTLED, WORST_FIRST, load_record
from audit.review import (
    RATINGS,
    STATUSES,
    Action,
    Comment,
    Decision,
    Due,
    Owner,
    Rating,
    Status,
    TargetState,
    add_reviews,
    call_item,
    state_of,
)
from audit.signing import same_person
from dashboard import indexing
from dashboard.blind_review import BLIND
from dashboard.findings_register import ends, register
from dashboard.indexing import freshness, index
from dashboard.loading import AUDITS
from dashboard.trust import all_looked_at

TODAY = date.today()
PEOPLE = ("Lee", "Park  Jiwon", "김지우")
CHECKS = ("facts", "pairs")
ITEMS = pd.DataFrame({"item": ["a", "b"], "outcome": ["right", "wrong"], "value": [1.0, 0.0]})


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "audits"
    folder.mkdir()
    monkeypatch.setenv(AUDITS, str(folder))
    return folder


def made(home, name, chance):
    """Write an audit of chance, in place of one of its name."""
    shutil.rmtree(home / name, ignore_errors=True)
    findings = [finding(check, chance.choice(WORST_FIRST), "It is told why.") for check in CHECKS]
    title, model = f"{chance.choice('abABc가')} {name}", chance.choice((LM, ENDPOINT))
    return write_audit(home / name, findings, title=title, models={"main": model}, items={"facts": ITEMS})


def said(audit, chance):
    """Let somebody say something of an audit."""
    check, day = chance.choice(CHECKS), TODAY + timedelta(days=chance.choice((-40, -1, 0, 1, SOON, SOON + 1)))
    item = chance.choice((None, "a")) if check == "facts" else None
    says = [
        Owner(check=check, item=item, owner=chance.choice(PEOPLE)), Due(check=check, item=item, due=day),
        Rating(check=check, rating=chance.choice(RATINGS)), Action(check=check, action="Train it ANEW"),
        Comment(check=check, text="Seen"), Decision(decision=chance.choice(("in review", "approved", "rejected"))),
        Status(check=check, status="fixed", reason="Done"),
        Status(check=check, status="waived", reason="A trial", until=max(day, TODAY)),
    ]  # fmt: skip
    add_reviews(audit, *chance.sample(says, chance.randint(1, 3)), author="Kim")
    if chance.random() < 0.2:
        add_reviews(audit, call_item(audit, "facts", "a", "right"), author="Lee")


class Read:
    """What there is, by reading every record and all that was said of it."""

    def __init__(self, home):
        self.written = {one.name: (one / "record.json").stat().st_mtime for one in home.iterdir() if one.is_dir()}
        names = [name for name in self.written if name != "cut"]
        self.audits = {name: load_record(home / name) for name in names}
        self.states = {name: state_of(audit, TODAY) for name, audit in self.audits.items()}

    def verdict(self, name):
        return "unreadable" if name == "cut" else self.audits[name].record.verdict

    def holds(self, name, asked):
        only, state = asked.only, self.states.get(name)
        model = "" if state is None else self.audits[name].record.models["main"]
        return (
            asked.verdict in ("", self.verdict(name)) and asked.family in ("", model and model.family)
            and (not only or (only == "damaged" and state is None)
                 or (state is not None and getattr(self, only)(state, asked.me)))
        )  # fmt: skip

    def decide(self, state, me):
        return state.decision not in ("approved", "rejected") and (
            state.verdict in UNSETTLED or state.decision != "draft")  # fmt: skip

    def mine(self, state, me):
        open_ones = (state.of(check) for check in CHECKS)
        return any(one.status == "open" and one.owner and same_person(one.owner, me) for one in open_ones)

    def overdue(self, state, me):
        return any(state.of(check).overdue(TODAY) for check in CHECKS)

    def damaged(self, state, me):
        return False

    def key(self, name, order):
        audit, newest = self.audits.get(name), (-self.written[name], name)
        if order == "title":
            return ((name if audit is None else audit.record.title).casefold(), *newest)
        if order == "model":
            return (("" if audit is None else audit.record.models["main"].name).casefold(), *newest)
        if order == "newest":
            return newest
        found = [] if audit is None else [one.verdict for one in audit.record.findings]
        rank = -1 if audit is None else WORST_FIRST.index(audit.record.verdict)
        return (rank, -found.count("failed"), -sum(one in UNSETTLED for one in found), *newest)

    def list(self, asked):
        kept = [one for one in self.written if self.holds(one, asked)]
        return sorted(kept, key=lambda one: self.key(one, asked.order))

    def to_settle(self, asked):
        rows = [(name, one, *told) for name, audit in self.audits.items() for one in audit.record.findings
                for told in self._spoken(name, one)]  # fmt: skip
        kept = [row for row in rows if self._kept(asked, *row)]
        return [(name, one.check, item) for name, one, item, _ in sorted(kept, key=self._urgency)]

    def ends(self, asked):
        """What is open ends on its day, a waiver on its last; in order of days, titles, checks, kinds, items, names."""
        found = []
        for name, check, item in self.to_settle(asked):
            told = next(two for one, two in self._spoken(name, self.audits[name].finding(check)) if one == item)
            title = self.audits[name].record.title
            if told.due and told.status == "open":
                found.append((told.due, title, check, "due", item or "", name))
            if told.waiver:
                found.append((told.waiver.until, title, check, "waiver", item or "", name))
        return [(day.isoformat(), kind, (name, check, item or None))
                for day, _, check, kind, item, name in sorted(found)]  # fmt: skip

    def _spoken(self, name, one):
        state = self.states[name]
        if one.verdict in UNSETTLED or state.of(one.check) != TargetState():
            yield None, state.of(one.check)
        judged = state.calls.get(one.check, {})
        for (check, item), told in state.targets.items():
            if check == one.check and item and told.owner and told.status == "open" and item not in judged:
                yield item, told

    def _urgency(self, row):
        name, one, item, told = row
        rating = len(RATINGS) if told.rating is None else RATINGS.index(told.rating)
        title, due = self.audits[name].record.title, told.due or date.max
        return not told.overdue(TODAY), rating, due, WORST_FIRST.index(one.verdict), title, one.check, item or ""

    def _kept(self, asked, name, one, item, told):
        record = self.audits[name].record
        text = "\n".join((record.title, name, record.models["main"].name, one.check, item or "", told.action or ""))
        left = None if told.waiver is None else (told.waiver.until - TODAY).days
        special = {"": True, "overdue": told.overdue(TODAY), "ending": left is not None and 0 <= left <= SOON}
        whose = {"": True, "nobody": not told.owner, "mine": bool(told.owner) and same_person(told.owner, asked.me)}
        return (
            asked.search.casefold() in text.casefold() and asked.owner in ("", told.owner)
            and asked.rating in ("", told.rating) and special.get(asked.standing, asked.standing == told.status)
            and whose[asked.whose]
        )  # fmt: skip


@pytest.mark.parametrize("place", ["sqlite", "postgresql"])
def test_the_index_selects_orders_and_counts_what_reading_the_records_gives(home, place, request, monkeypatch):
    """The law that list, register and calendar rest on, after whatever was written, said, removed and written anew."""
    chance = random.Random(place)
    if place == "postgresql":
        monkeypatch.setenv(CATALOGUE, request.getfixturevalue("postgres_url"))
    (home / "cut").mkdir()
    (home / "cut" / "record.json").write_text("{")
    for step in range(3):
        for number in range(8):
            audit = made(home, f"a{step}{number}", chance)
            for _ in range(chance.randint(0, 2)):
                said(audit, chance)
        names = sorted(one.name for one in home.iterdir() if one.name.startswith("a"))
        made(home, chance.choice(names), chance)
        shutil.rmtree(home / chance.choice(names))
        said(load_record(chance.choice([one for one in home.iterdir() if one.name.startswith("a")])), chance)
        _agree(Read(home), chance)


def _agree(read, chance):
    only, catalogue = ("", "decide", "mine", "overdue", "damaged"), index()
    lists = [*product(only, ORDERS, ("", "failed", "unreadable"), ("lee", "park jiwon"))]
    for one, order, verdict, me in chance.sample(lists, 30):
        asked = Asked(only=one, order=order, verdict=verdict, me=me)
        assert catalogue.names(asked) == read.list(asked), asked
        assert catalogue.count(asked) == len(read.list(asked))
    told = catalogue.counts("Lee")
    assert told.only == {one: len(read.list(Asked(only=one, me="Lee"))) for one in only if one} | {"running": 0}
    assert told.states == {one: len(read.list(Asked(verdict=one))) for one in told.states}
    registers = [*product(
        ("", "TRAIN", "a1"), ("", "overdue", "ending", *STATUSES), ("", "mine", "nobody"), ("", "high")
    )]  # fmt: skip
    for search, standing, whose, rating in chance.sample(registers, 30):
        wanted = ToSettle(TODAY, search=search, standing=standing, whose=whose, rating=rating, me="lee")
        expected = read.to_settle(wanted)
        assert catalogue.settling(wanted) == expected, wanted
        assert catalogue.tallies(wanted)["kept"] == len(expected)
    every, tallies = ToSettle(TODAY, me="Lee"), catalogue.tallies(ToSettle(TODAY, me="Lee"))
    assert [row.place for row in register(every)] == read.to_settle(every), "rows are read from the audits themselves"
    found = [(one.day.isoformat(), one.kind, one.row.place) for one in ends(every)]
    assert found == catalogue.ends(every) == read.ends(every)
    assert tallies["ends"] == len(found)
    for kind, more in {"mine": {"whose": "mine"}, "nobody": {"whose": "nobody"}, "overdue": {"standing": "overdue"},
                       "ending": {"standing": "ending"}}.items():  # fmt: skip
        assert tallies[kind] == len(read.to_settle(ToSettle(TODAY, me="Lee", **more))), kind


def test_what_is_new_gone_written_or_said_is_in_the_list_at_once(home):
    chance = random.Random(1)
    one = write_audit(home / "one", [finding("facts", "failed", "told")], title="First")
    assert "1 audit: 1 failed." in seen(screen())
    made(home, "two", chance)
    assert len(rows_of(screen(), "audits")) == 2
    shutil.rmtree(home / "two")
    assert "1 audit: 1 failed." in seen(screen())
    add_reviews(one, Owner(check="facts", owner="Lee"), Due(check="facts", due=TODAY - timedelta(days=1)), author="Kim")
    assert "Overdue 1" in seen(screen())
    write_audit(home / "one", [finding("facts", "passed", "told")], title="First")
    assert "1 audit: 1 passed." in seen(screen())


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_an_index_that_is_lost_is_made_anew_and_the_list_stands(home, how):
    for number in range(3):
        made(home, f"a{number}", random.Random(number))
    screen()
    all_looked_at()  # a row tells what was found of its files as soon as it is
    before = [row.partition("<small")[0] for row in rows_of(screen(), "audits")]
    place = home / ".catalogue.sqlite"
    for end in ("-wal", "-shm"):
        place.with_name(place.name + end).unlink(missing_ok=True)
    place.unlink() if how == "gone" else place.write_bytes(b"no database" * 900)
    assert [row.partition("<small")[0] for row in rows_of(screen(), "audits")] == before


def test_where_no_index_can_be_kept_it_lies_in_a_folder_of_this_process(home, tmp_path, monkeypatch):
    made(home, "one", random.Random(0))
    kept = tmp_path / "no" / "folder" / "index.sqlite"
    monkeypatch.setenv("DOKIMASIA_CATALOGUE", str(kept))
    assert len(rows_of(screen(), "audits")) == 1
    assert index().place.parent == indexing._own_folder()
    assert not kept.parent.exists()
    assert [one.name for one in home.iterdir()] == ["one"]


def test_of_many_audits_the_rest_is_read_behind_the_screen_and_the_list_says_so(home, monkeypatch):
    monkeypatch.setattr(indexing, "SMALL", 3)
    monkeypatch.setattr(indexing, "AT_ONCE", 2)
    monkeypatch.setattr(indexing, "OFTEN", 0.0)
    for number in range(5):
        made(home, f"a{number}", random.Random(number))
    begin = indexing._Kept._begin
    monkeypatch.setattr(indexing._Kept, "_begin", lambda self: None)
    page = seen(screen())
    assert "2 audits: " in page
    assert "3 audits are still to be indexed" in page
    assert "감사 3건이 아직 색인되지 않았습니다" in seen(screen(lang="ko"))
    monkeypatch.setattr(indexing._Kept, "_begin", begin)
    index()
    while freshness().busy:
        time.sleep(0.01)
    assert index().count(Asked()) == 5
    shutil.rmtree(home / "a0")
    made(home, "a1", random.Random(7))
    shown = screen(order="title")
    assert load_record(home / "a1").record.title in seen(shown), "what is shown is compared before it is"
    while index().count(Asked()) != 4:
        while freshness().busy:  # not asked meanwhile: here each look begins another
            time.sleep(0.01)
    assert "as of " in seen(screen())


def test_a_screen_compares_the_folder_once_and_whoever_asks_beside_it_each_time(home, monkeypatch):
    looks, look = [], indexing._Kept._look
    monkeypatch.setattr(indexing._Kept, "_look", lambda self: looks.append(self) or look(self))
    screen()
    assert len(looks) == 1
    index()
    index()
    assert len(looks) == 3


def test_the_thread_rests_while_a_screen_is_drawn_and_as_long_as_it_worked():
    assert indexing._pause(10.2, 10.0, 0.0) == pytest.approx(0.2)
    assert indexing._pause(10.2, 10.0, 10.1) == pytest.approx(0.9)
    assert indexing._pause(15.0, 10.0, 15.0) == indexing._pause(15.0, 10.0, 0.0) == 1.0


def test_it_rests_on_where_another_screen_is_begun_meanwhile_and_not_for_ever(home, monkeypatch):
    """A slow screen asks the index last long after it was begun: the thread worked beside the second half of it."""
    kept, slept, now = indexing._Kept(home), [], [100.0]
    screens = iter([100.4, 100.9, 101.2, 101.2, *range(102, 200)])

    def sleep(seconds):
        slept.append(round(seconds, 6))
        now[0] += seconds
        kept._begun = next(screens)

    monkeypatch.setattr(indexing, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now[0]))
    kept._woke, kept._begun = 100.0, 100.0
    kept._rest()
    assert slept == [1.0, 0.4, 0.5, 0.3]
    assert now[0] == kept._woke == kept._begun + indexing._DRAWN
    before = now[0]
    kept._rest()
    assert before + indexing._PATIENCE <= now[0] < before + indexing._PATIENCE + indexing._LONGEST


def test_what_others_said_is_not_searched_for_whoever_judges_alone(home, monkeypatch):
    audit = made(home, "one", random.Random(0))
    add_reviews(audit, Comment(check="facts", item="a", text="A telling word"), author="Kim")
    assert len(rows_of(screen(search="telling"), "audits")) == 1
    monkeypatch.setenv(BLIND, "1")
    assert rows_of(screen(search="telling"), "audits") == []


def test_a_running_audit_is_found_by_its_model_and_family(home):
    make_running(home)
    (home / RUNNING / "progress.json").write_text('{"model": "SmolLM2-135M", "family": "causal_lm"}')
    (name,) = index().names(Asked(verdict="running"))
    for asked in (Asked(only="running"), Asked(family="causal_lm"), Asked(search="smollm2"), Asked(search="NIGHTLY")):
        assert index().names(asked) == [name]
