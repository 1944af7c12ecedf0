"""Audits in an object store: the same bytes as on a disk, whoever is killed, and whatever the store does."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from needs import ROOT, needs_library
from object_store import SECRET, Bucket, Proxy
from slow_letters import asked, plan
from streamlit.testing.v1 import AppTest

from audit.ask import Spending
from audit.catalogue import Asked
from audit.cli.app import execute
from audit.errors import IntegrityError, LibraryError, StorageError, UsageError
from audit.execute import RunCallbacks, run
from audit.files import sha256, write_atomic
from audit.integrity import verify_audit
from audit.prices import Tally
from audit.storage import access, append_conditional, bring, bring_heads, find_audit, held, local_folder, remote, shown
from audit.storage.lease import Lease
from audit.storage.pushing import LAG
from audit.storage.remote import ChangedError, Remote
from dashboard import loading
from dashboard.indexing import index
from dashboard.trust import all_looked_at, trust_of

needs_library("obstore")
needs_library("moto")
pytestmark = pytest.mark.slow
NUMBER = iter(range(1000))


@pytest.fixture(scope="module")
def one_proxy():
    with Proxy().served() as proxy:
        yield proxy


@pytest.fixture
def proxy(one_proxy):
    one_proxy.mended()
    one_proxy.seen.clear()
    yield one_proxy
    one_proxy.mended()


@pytest.fixture
def bucket(proxy, monkeypatch, tmp_path):
    """A bucket of its own, reached through the proxy from a machine with an empty cache."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("DOKIMASIA_LEASE", "2")
    monkeypatch.setattr(access, "_COPIES", {})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Bucket(proxy.server, f"bucket{next(NUMBER)}").make()


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """Go to another machine, with the same secret and nothing in its cache."""

    def go():
        monkeypatch.setattr(access, "_COPIES", {})
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"machine{next(NUMBER)}"))

    return go


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The audit on a disk: its record, and what its model was asked."""
    home = tmp_path_factory.mktemp("local")
    done = run(plan(home / "log"), into=home / "audits")
    return (done.folder / "record.json").read_bytes(), asked(home / "log")


def at(bucket: Bucket) -> str:
    return f"s3://{bucket.name}/team/audits"


def record_in(bucket: Bucket) -> bytes:
    (key,) = ending(bucket, "record.json")
    return bucket.get(key)


def ending(bucket: Bucket, name: str) -> list[str]:
    return [key for key in bucket.listed() if key.endswith(name)]


def named(journal: bytes) -> list[str]:
    return [json.loads(line)["path"] for line in journal.splitlines()]


# ---- which places there are


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("ftp://host/audits", "ftp://: no store of audits; allowed: az://, file://, gs://, s3://"),
        ("https://bucket.s3.amazonaws.com/audits", "https://: no store"),
        ("s3://key:word@bucket/audits", "s3://: an address with a name, a password"),
        ("s3://bucket/audits?token=word", "s3://: an address with a name, a password"),
        ("s3:/bucket/audits", "a path has lost a slash"),
    ],
)
def test_other_places_are_refused_in_one_line_that_repeats_no_password(place, told):
    with pytest.raises(UsageError, match=re.escape(told)) as error:
        local_folder(place)
    assert "word" not in str(error.value).replace("password", "")


def test_a_plain_folder_and_a_file_address_are_folders(tmp_path):
    assert local_folder("audits") == Path("audits")
    assert local_folder(f"file://{tmp_path}") == tmp_path


def test_without_the_library_the_extra_is_named(bucket, monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(LibraryError, match=r"dokimasia\[s3\]") as error:
        local_folder(at(bucket))
    assert error.value.extra == "s3"


def test_http_is_for_this_machine_unless_asked_for(monkeypatch, bucket):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store.example")
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL: http, which others can read"):
        local_folder(at(bucket))
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    assert local_folder(at(bucket)).is_dir()


# ---- conditions


def test_the_server_keeps_its_conditions(bucket):
    store = Remote.at(at(bucket))
    first = store.put("a/x", b"1", after=None)
    with pytest.raises(ChangedError):
        store.put("a/x", b"2", after=None)
    second = store.put("a/x", b"2", after=first)
    with pytest.raises(ChangedError):
        store.put("a/x", b"3", after=first)
    assert store.put("a/x", b"2", after=None) == second  # what is there already counts as put
    store.require_conditions()
    assert bucket.listed() == ["team/audits/a/x"]


def test_a_server_that_ignores_conditions_is_read_from_and_not_written_to(bucket, proxy, local, tmp_path, elsewhere):
    done = run(plan(tmp_path / "log"), into=at(bucket))
    elsewhere()
    proxy.ignorant = True
    assert verify_audit(find_audit(f"{at(bucket)}/{done.folder.name}", Path("audits"))).files > 3
    before = bucket.all()
    for write in (
        lambda: run(plan(tmp_path / "log", limit=40), into=at(bucket)),
        lambda: append_conditional(local_folder(at(bucket)) / done.folder.name / "reviews.jsonl", lambda data: b"x\n"),
    ):
        with pytest.raises(UsageError, match="ignores the conditions of a put"):
            write()
    assert bucket.all() == before


def test_an_appended_log_loses_no_entry_of_several_machines(bucket, tmp_path):
    Remote.at(at(bucket)).put("one/record.json", b"{}", after=None)
    program = (
        "import sys; from audit.files import sha256, whole_lines; from audit.storage import append_conditional, "
        "local_folder\n"
        "path = local_folder(sys.argv[1]) / 'one' / 'log.jsonl'\n"
        "for n in range(12):\n"
        "    def made(data):\n"
        "        lines = whole_lines(data)[0]\n"
        "        return f\"{sys.argv[2]} {n} {sha256(lines[-1] if lines else b'')}\\n\".encode()\n"
        "    append_conditional(path, made)\n"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", program, at(bucket), str(who)],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / str(who))},
        )
        for who in range(4)
    ]
    assert [one.wait(60) for one in writers] == [0] * 4
    lines = bucket.get("team/audits/one/log.jsonl").splitlines(keepends=True)
    written = sorted([b"%d" % who, b"%d" % n] for who in range(4) for n in range(12))
    assert sorted(line.split()[:2] for line in lines) == written
    assert [line.split()[2].decode() for line in lines] == [sha256(b""), *map(sha256, lines[:-1])]


# ---- a run


def test_a_run_leaves_the_record_of_a_local_one_and_puts_nothing_before_what_it_names(bucket, proxy, local, tmp_path):
    done = run(plan(tmp_path / "log"), into=at(bucket))
    assert record_in(bucket) == local[0]
    puts = [path.split("/audits/")[1] for path in proxy.puts() if "/audits/" in path]
    there = set()
    for method, path, body in proxy.seen:
        if method == "PUT" and path.endswith("journal.jsonl"):
            assert {f"{path.removesuffix('journal.jsonl')}{one}" for one in named(body)} <= there
        there.add(path)
    mine = [name for name in puts if name.startswith(done.folder.name) and not name.endswith(".lease")]
    assert mine[-1].endswith("record.json")
    assert puts.index(f"{done.folder.name}/run.json") < puts.index(f"{done.folder.name}/record.json")
    stored = {key.partition("/audits/")[2]: data for key, data in bucket.all().items()}
    here = {path.relative_to(done.folder.parent).as_posix(): path for path in done.folder.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in here.items() if "/." not in name} == {
        name: data for name, data in stored.items() if name.startswith(done.folder.name) and "/." not in name
    }
    assert not any(SECRET.encode() in data for data in stored.values())


def journalled(proxy, shards):
    """Whether the store was told of so many shards at least."""
    return any(path.endswith("journal.jsonl") and body.count(b"\n") >= shards for _, path, body in list(proxy.seen))


def test_killed_and_resumed_on_another_machine_nothing_stored_is_asked_twice(bucket, proxy, local, tmp_path, elsewhere):
    proxy.slow, proxy.only = 0.02, "PUT"
    log, program = tmp_path / "log", ROOT / "tests" / "slow_letters.py"
    child = subprocess.Popen([sys.executable, program, at(bucket), log, "11"], stdout=subprocess.DEVNULL)
    while not journalled(proxy, 6):
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    before = asked(log)
    (journal,) = ending(bucket, "journal.jsonl")
    stored = named(bucket.get(journal))
    assert {journal.removesuffix("journal.jsonl") + one for one in stored} <= set(bucket.listed())
    proxy.slow = 0
    elsewhere()
    done = run(plan(log), into=at(bucket))
    again = asked(log)[len(before) :]
    assert len(stored) > 5
    assert again == local[1][len(stored) :]  # what the store did not have yet, and no more
    assert len(before) - len(stored) <= LAG + 1  # answers that waited, and the one in flight
    assert record_in(bucket) == local[0]
    assert done.run is not None
    assert done.run.attempts == 1
    elsewhere()
    assert verify_audit(find_audit(done.folder.name[:8], local_folder(at(bucket))), judge_again=True).own


def test_with_another_secret_stored_answers_are_asked_anew(bucket, local, tmp_path, elsewhere, monkeypatch):
    run(plan(tmp_path / "log"), into=at(bucket))
    elsewhere()
    monkeypatch.setenv("DOKIMASIA_STATE_KEY", "1" * 64)
    heard = []
    second = run(plan(tmp_path / "other"), into=at(bucket), watch=RunCallbacks(on_remark=heard.append))
    assert sorted(asked(tmp_path / "other")) == sorted(local[1])
    assert second.folder.name.endswith("-2")
    assert any("not by this installation" in line for line in heard)


def test_a_neighbour_in_the_store_lends_its_answers(bucket, local, tmp_path, elsewhere):
    run(plan(tmp_path / "log"), into=at(bucket))
    elsewhere()
    heard = []
    run(plan(tmp_path / "other", limit=48), into=at(bucket), watch=RunCallbacks(on_remark=heard.append))
    assert asked(tmp_path / "other") == []
    assert any("6 stored answers were taken over" in line for line in heard)


# ---- a store that fails


@pytest.mark.parametrize(("faults", "only"), [(("broken", "cut"), ""), (("lost", "torn"), "PUT .*(parquet|json)")])
def test_what_goes_wrong_in_passing_changes_nothing(bucket, proxy, local, tmp_path, faults, only):
    proxy.only = only
    for fault in faults:
        setattr(proxy, fault, 2)
    done = run(plan(tmp_path / "log"), into=at(bucket))
    assert record_in(bucket) == local[0]
    assert asked(tmp_path / "log") == local[1]
    assert verify_audit(done.folder).own


def test_a_store_that_goes_down_ends_the_run_in_one_line_and_loses_nothing(
    bucket, proxy, local, tmp_path, monkeypatch, elsewhere
):
    monkeypatch.setattr(remote, "PATIENCE", 0.5)
    proxy.only, proxy.status = "PUT .*parquet", 507
    log, shards = tmp_path / "log", []

    def falls(items: int) -> None:
        shards.append(items)
        if len(shards) == 7:
            while not journalled(proxy, 1):
                time.sleep(0.01)
            proxy.broken = 10**6

    with pytest.raises(StorageError, match=r"parquet: the store answers 507") as error:
        run(plan(log), into=at(bucket), watch=RunCallbacks(on_answer=falls))
    assert error.value.exit_code == 5
    assert "\n" not in str(error.value)
    assert SECRET not in str(error.value)
    assert not ending(bucket, "record.json")
    (journal,) = ending(bucket, "journal.jsonl")
    assert {journal.removesuffix("journal.jsonl") + one for one in named(bucket.get(journal))} <= set(bucket.listed())
    proxy.mended()
    monkeypatch.setattr(access, "_COPIES", {})  # the same machine, another process
    done = run(plan(log), into=at(bucket))
    assert record_in(bucket) == local[0]
    assert set(asked(log)) == set(local[1])
    assert len(asked(log)) <= len(local[1]) + 1  # the shard in flight; others that were not put yet were taken up
    elsewhere()
    assert verify_audit(find_audit(done.folder.name, local_folder(at(bucket)))).own


@pytest.mark.parametrize(("status", "told"), [(403, "answers 403"), (404, "404")])
def test_a_refusal_is_told_at_once(bucket, proxy, tmp_path, status, told):
    proxy.broken, proxy.status = 10**6, status
    with pytest.raises(StorageError, match=told) as error:
        run(plan(tmp_path / "log"), into=at(bucket))
    assert 10**6 - proxy.broken == 1, "it is not asked again"
    assert SECRET not in str(error.value)


def test_a_listing_that_lags_behind_loses_nothing(bucket, proxy, local, tmp_path, elsewhere):
    with pytest.raises(KeyboardInterrupt):
        run(plan(tmp_path / "log"), into=at(bucket), watch=RunCallbacks(on_answer=_after(7)))
    elsewhere()
    audit = ending(bucket, "/plan.json")[0].split("/")[2]
    proxy.stale = f"team/audits/{audit}"
    before = len(asked(tmp_path / "log"))
    run(plan(tmp_path / "log"), into=at(bucket))
    assert record_in(bucket) == local[0]
    assert asked(tmp_path / "log")[before:] == local[1][before:]


def test_verifying_asks_for_what_is_named_by_name_before_it_says_that_it_is_missing(
    bucket, proxy, local, tmp_path, elsewhere
):
    folder = run(plan(tmp_path / "log"), into=at(bucket)).folder
    every = {path.relative_to(folder).as_posix() for path in folder.rglob("[!.]*") if path.is_file()}
    proxy.stale = f"team/audits/{folder.name}"
    for machine in (None, elsewhere):  # one that has it all, and one that has nothing
        if machine is not None:
            machine()
        there = find_audit(f"{at(bucket)}/{folder.name}", Path("audits"))
        verify_audit(there)
        assert {path.relative_to(there).as_posix() for path in there.rglob("[!.]*") if path.is_file()} == every
    gone = next(name for name in every if name.startswith("observed/"))
    bucket.remove(f"team/audits/{folder.name}/{gone}")
    elsewhere()
    with pytest.raises(IntegrityError, match=f"{gone}: missing"):
        verify_audit(find_audit(f"{at(bucket)}/{folder.name}", Path("audits")))


def test_what_endpoints_took_is_remembered_where_a_run_was_killed(bucket, tmp_path):
    folder = local_folder(at(bucket)) / "0123456789abcdef"
    folder.mkdir()
    for calls in (1, 2, 3):  # killed before it could make the file short, and put it
        with held(folder):
            account = Spending(folder).account("main")
            assert account.tally.calls == calls - 1
            account.add(Tally(1, 1, 4, 2))
    with held(folder), Spending(folder):
        pass
    assert b'"tally":[3,3,12,6,0,0]' in bucket.get(f"team/audits/{folder.name}/spent.jsonl")


def heads(root: Path) -> dict[str, bytes]:
    """What a list has here: the files right in each audit's folder."""
    bring_heads(root)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.glob("*/[!.]*") if path.is_file()}


def test_a_list_of_what_did_not_change_is_one_listing_and_no_read(
    bucket, proxy, local, tmp_path, elsewhere, monkeypatch
):
    for limit in (16, 24):
        run(plan(tmp_path / "log", limit=limit), into=at(bucket))
    elsewhere()
    root = local_folder(at(bucket))
    first = heads(root)
    assert sum(name.endswith("record.json") for name in first) == 2
    proxy.seen.clear()
    assert heads(root) == first
    assert [(method, path) for method, path, _ in proxy.seen] == [("GET", f"/{bucket.name}")]
    (changed, _) = sorted(name for name in first if name.endswith("record.json"))
    bucket.put(f"team/audits/{changed}", b"{}")
    proxy.seen.clear()
    assert heads(root) == {**first, changed: b"{}"}
    assert [path for _, path, _ in proxy.seen] == [f"/{bucket.name}", f"/{bucket.name}/team/audits/{changed}"]
    monkeypatch.setattr(remote, "_PAGE", 1)  # a page does not hold the answers of one audit: each is listed alone
    monkeypatch.setattr(remote, "_DEEP", 1)
    elsewhere()
    assert heads(local_folder(at(bucket))) == {**first, changed: b"{}"}


def test_a_list_of_finished_audits_reads_their_records_alone(bucket, proxy, local, tmp_path, elsewhere, capsys):
    """Requests are counted: one listing for each thousand objects, and of a finished audit what a list shows of it."""
    names = [run(plan(tmp_path / "log", limit=limit), into=at(bucket)).folder.name for limit in (16, 24)]
    with pytest.raises(KeyboardInterrupt):
        run(plan(tmp_path / "log"), into=at(bucket), watch=RunCallbacks(on_answer=_after(3)))
    running = {"plan.yaml", "plan.json", "journal.jsonl", "progress.json"}
    elsewhere()
    proxy.seen.clear()
    assert execute(["list", "--into", at(bucket)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    asked_for = [path.removeprefix(f"/{bucket.name}/team/audits/") for _, path, _ in proxy.seen]
    listings = [path for path in asked_for if path == f"/{bucket.name}"]
    finished = [path for path in asked_for if path.partition("/")[0] in names]
    others = {path.rpartition("/")[2] for path in asked_for if path not in {*listings, *finished}}
    assert len(listings) == 1
    assert sorted(finished) == sorted(f"{name}/record.json" for name in names)
    assert others <= {"plans.jsonl", *running}


def test_a_list_that_lags_behind_is_short_for_a_while_and_loses_nothing(bucket, proxy, local, tmp_path, elsewhere):
    one, two = (run(plan(tmp_path / "log", limit=limit), into=at(bucket)).folder.name for limit in (16, 24))
    elsewhere()
    root, held = local_folder(at(bucket)), bucket.all()
    first = heads(root)
    proxy.stale = f"team/audits/{one}"
    assert {name.partition("/")[0] for name in heads(root)} == {two}
    assert (find_audit(f"{at(bucket)}/{one}", Path("audits")) / "record.json").is_file()  # who names it has it
    proxy.mended()
    assert {name: data for name, data in heads(root).items() if name in first} == first
    assert bucket.all() == held


def _after(shards):
    count = iter(range(shards))

    def stop(items):
        if next(count, None) is None:
            raise KeyboardInterrupt

    return stop



# ---- leases


class Clock:
    """Time as whoever waits for a lease sees it; `meanwhile` is what the other one does while it waits.

    A sleep lasts ten seconds at least, at both ends of a term one: it is 100 questions to the store, not thousands.
    """

    def __init__(self):
        self.now, self.meanwhile = 0.0, lambda: None

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += max(seconds, 10 if 20 < self.now < 580 else 1)
        self.meanwhile()


def test_who_renews_keeps_the_lease_and_who_does_not_loses_it(bucket, monkeypatch):
    monkeypatch.setenv("DOKIMASIA_LEASE", "600")  # what renews by itself rests, however long the test takes
    monkeypatch.setattr("audit.storage.lease.time", clock := Clock())
    store = Remote.at(at(bucket))
    first, second = Lease(store, "one/.lease"), Lease(store, "one/.lease")
    first.take(patient=False)
    clock.meanwhile = first._renew
    with pytest.raises(UsageError, match="runs this audit"):
        second.take(patient=False)
    clock.meanwhile = lambda: None  # it hangs
    second.take(patient=False)
    assert 600 <= clock.now < 602
    first._renew()
    with pytest.raises(StorageError, match="took this audit over"):
        first.require()
    first.give_back()
    second.require()
    second.give_back()
    begun = clock.now
    third = Lease(store, "one/.lease")
    third.take(patient=False)
    assert clock.now == begun
    third.give_back()


def test_a_lease_renews_itself(bucket, monkeypatch):
    monkeypatch.setenv("DOKIMASIA_LEASE", "1")
    store = Remote.at(at(bucket))
    lease = Lease(store, "one/.lease")
    lease.take(patient=False)
    taken = store.get("one/.lease")
    awaited(lambda: store.get("one/.lease") != taken)
    lease.require()
    lease.give_back()


def awaited(holds):
    """Wait for what another thread does, a minute at most."""
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail("nothing happened in a minute")


def test_a_run_that_lost_its_lease_writes_no_more(bucket, local, tmp_path):
    store, before = Remote.at(at(bucket)), []

    def robbed(items):
        if not before:
            (lease,) = [one.name for one in store.tree("") if one.name.endswith("/.lease") and "plans" not in one.name]
            before.append(lease)
            while True:
                with suppress(ChangedError):  # it was renewed in between
                    store.put(lease, b'{"beat":1,"host":"another","owner":"x","term":60}', after=store.get(lease)[1])
                    break
            awaited(lambda: not any(one.name == "lease" for one in threading.enumerate()))  # it has noticed

    with pytest.raises(StorageError, match="took this audit over"):
        run(plan(tmp_path / "log"), into=at(bucket), watch=RunCallbacks(on_answer=robbed))
    assert not ending(bucket, "record.json")


# ---- the cache


def test_a_cache_that_differs_is_not_believed(bucket, local, tmp_path):
    done = run(plan(tmp_path / "log"), into=at(bucket))
    for path in (done.folder / "record.json", next((done.folder / "observed").rglob("*.parquet"))):
        data = path.read_bytes()
        path.write_bytes(b"x" * len(data))
        bring(done.folder)
        assert path.read_bytes() == data
    stray = done.folder / "items" / "mine.parquet"
    stray.write_bytes(b"1")
    bring(done.folder)
    assert not stray.exists()
    assert verify_audit(done.folder).own


def test_the_cache_drops_what_was_used_longest_ago_and_is_stored(bucket, local, tmp_path, monkeypatch):
    first = run(plan(tmp_path / "log"), into=at(bucket))
    monkeypatch.setenv("DOKIMASIA_CACHE_MB", "0")
    alone = first.folder / "observed" / "mine" / "answer.parquet"
    alone.parent.mkdir()
    alone.write_bytes(b"in no store")
    second = run(plan(tmp_path / "log", limit=16), into=at(bucket))
    assert first.folder.is_dir()
    alone.unlink()
    bring(second.folder)
    assert not first.folder.exists()
    assert second.folder.is_dir()
    assert verify_audit(find_audit(first.folder.name, first.folder.parent)).own


def test_two_writers_of_one_file_do_not_write_over_each_other(bucket, local, tmp_path, elsewhere):
    done = run(plan(tmp_path / "log"), into=at(bucket))
    elsewhere()
    there = find_audit(f"{at(bucket)}/{done.folder.name}", Path())
    bucket.put(f"team/audits/{done.folder.name}/seal.json", b"somebody's")
    with pytest.raises(StorageError, match="somebody else wrote it meanwhile"):
        write_atomic(there / "seal.json", b"mine")
    assert bucket.get(f"team/audits/{done.folder.name}/seal.json") == b"somebody's"


# ---- what is done with it


@pytest.fixture
def finished(bucket, tmp_path, elsewhere):
    """An audit that another machine left in the store; its address."""
    done = run(plan(tmp_path / "log"), into=at(bucket))
    elsewhere()
    return f"{at(bucket)}/{done.folder.name}"


def test_every_command_takes_an_address(finished, bucket, tmp_path, elsewhere, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, into = finished.rpartition("/")[2], at(bucket)

    def said(*words, code=0):
        capsys.readouterr()
        assert execute([str(word) for word in words]) == code, capsys.readouterr().err
        elsewhere()
        return capsys.readouterr().out

    assert "written by this installation" in said("verify", finished, "--recompute")
    assert said("report", name[:6], "--into", into, "--format", "markdown").endswith("reports/report.md\n")
    assert f"team/audits/{name}/reports/report.md" in bucket.listed()
    said("review", finished, "--check", "pairs", "--rate", "low", "--author", "Kim")
    said("review", name, "--into", into, "--comment", "seen", "--author", "Lee")
    assert len(bucket.get(f"team/audits/{name}/reviews.jsonl").splitlines()) == 2
    said("review", finished, "--comment", "seen", "--reviews", "reviews.sqlite", code=2)
    monkeypatch.setenv("DOKIMASIA_REVIEWS", str(tmp_path / "reviews.sqlite"))
    assert execute(["review", finished]) == 0
    assert "lives in an object store, which keeps its reviews: the database that DOKIMASIA" in capsys.readouterr().err
    said("review", finished, "--sync", code=2)
    monkeypatch.delenv("DOKIMASIA_REVIEWS")
    said("keygen", "key.pem")
    said("seal", finished, "--key", "key.pem", "--author", "Kim")
    assert "2 entries" in said("verify", finished, "--public", "key.pem.pub")
    assert "no worse" in said("compare", finished, name, "--into", into)
    said("judge", finished, code=0)
    assert "Letters" in said("list", "--into", into, "--json")
    said("index", "--into", into)
    assert name.encode() in bucket.get("team/audits/index.html")
    said("export", finished, "--out", "audit.zip")
    said("import", "audit.zip", "--into", f"s3://{bucket.name}/second")
    copied = {key.partition("/")[2] for key in bucket.listed() if key.startswith("second/")}
    assert {f"{name}/record.json", f"{name}/seal.json", f"{name}/reviews.jsonl"} <= copied
    assert "unchanged since Kim" in said("verify", f"s3://{bucket.name}/second/{name}")
    assert execute(["verify", "ffff", "--into", into]) == 2
    assert into in capsys.readouterr().err


def test_what_is_erased_goes_from_the_store_and_from_other_machines(finished, bucket, elsewhere, capsys, monkeypatch):
    folder, copies, cache = access.audit_folder(finished), access._COPIES, os.environ["XDG_CACHE_HOME"]
    assert len([*folder.rglob("*.parquet")]) > 3
    elsewhere()
    assert execute(["erase", finished, "--all", "--why", "asked for", "--by", "Kim"]) == 0
    assert ending(bucket, ".parquet") == []
    assert {"record.json", "reviews.jsonl"} <= {key.rpartition("/")[2] for key in bucket.listed()}
    monkeypatch.setattr(access, "_COPIES", copies)
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    capsys.readouterr()
    assert execute(["verify", finished]) == 0
    assert "by Kim (not signed)" in capsys.readouterr().out
    assert [*folder.rglob("*.parquet")] == []


def test_the_dashboard_browses_an_address(finished, bucket, monkeypatch):
    name = finished.rpartition("/")[2]
    monkeypatch.setenv(loading.AUDITS, at(bucket))
    (entry,) = index().rows(Asked())
    assert (entry["name"], entry["state"], entry["title"]) == (name, "measured", "Letters")
    assert not (loading.home() / name / "observed").exists()  # a list fetches headers alone
    page = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=180)
    page.query_params["screen"] = "audit"
    page.query_params["audit"] = name
    page.run()
    assert not page.exception
    assert (loading.home() / name / "observed").is_dir()
    all_looked_at()
    trust = trust_of(name, wait=30)
    assert trust is not None
    assert trust.state == "unsealed"
    bucket.put(f"team/audits/{name}/reviews.jsonl", b"")
    assert loading.opened(name).record.title == "Letters"
    assert shown(loading.home()) == at(bucket)
