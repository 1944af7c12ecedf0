"""Whose answers count: those that this installation stored, whole, in the folder where they lie."""

import hmac
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from markov import MarkovModel, MarkovText, Repeats

from audit.data.tabular import File
from audit.errors import IntegrityError, UsageError
from audit.execute import RunCallbacks, run
from audit.files import canonical, digest_file, tidy, worker, write_atomic
from audit.integrity import check_digests, export_audit, import_audit, recompute
from audit.model import Sample
from audit.plan import Check, Plan
from audit.record import dump, load_record
from audit.signing import STATE_KEY, Secret
from audit.signing.installation import key_file

TEXTS = [a + b + c for a in "abc" for b in "abc" for c in "abc"]


@pytest.fixture
def data(tmp_path: Path) -> File:
    path = tmp_path / "texts.csv"
    path.write_text("text\n" + "\n".join(TEXTS) + "\n")
    return File(path)


def plan_of(data: File, title: str = "T") -> Plan:
    checks = (Check("c", Repeats(), {"items": data}),)
    return Plan(title=title, checks=checks, model=MarkovText().open(), shard=9)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Call it, and from then on everything is done by another installation."""
    return lambda: monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))


def told_by(plan: Plan, into: Path, **options):
    """Run a plan; return the audit and what was remarked."""
    remarks: list[str] = []
    return run(plan, into=into, watch=RunCallbacks(on_remark=remarks.append), **options), remarks


# ---- taken over from whom


def test_answers_of_a_neighbour_are_taken_over_and_told(tmp_path, data):
    first, said = told_by(plan_of(data), tmp_path / "audits")
    assert (first.run.adopted, said) == ({}, [])
    second, said = told_by(plan_of(data, "another"), tmp_path / "audits")
    count = len(second.run.evidence)
    assert second.run.calls_asked == 0
    assert load_record(second.folder).run.adopted == {first.folder.name: count}
    assert said == [f"{count} stored answers were taken over: {count} from {first.folder.name}"]
    shutil.rmtree(first.folder)
    third, _ = told_by(plan_of(data, "a third"), tmp_path / "audits")
    assert third.run.adopted == {first.folder.name: count}, "who asked is told, not through whom it came"


def test_a_stored_answer_is_counted_before_it_is_built(tmp_path, data, monkeypatch):
    """Also one of ours: a reader that trusts what it stored takes whatever memory a file that swells wants."""
    run(plan_of(data), into=tmp_path / "audits")
    monkeypatch.setattr("audit.files.parquet.MAX_DECODED", 10)
    with pytest.raises(IntegrityError, match=r"parquet: cannot be read \(9 rows would take .* bytes; allowed: 10"):
        run(plan_of(data, "another"), into=tmp_path / "audits")


def test_fresh_takes_nothing_over(tmp_path, data):
    told_by(plan_of(data), tmp_path / "audits")
    for plan in (plan_of(data), plan_of(data, "another")):
        fresh, said = told_by(plan, tmp_path / "audits", fresh=True)
        assert fresh.run.calls_asked == plan.model.asked > 0
        assert (fresh.run.adopted, said) == ({}, [])


def forge(audits: Path) -> None:
    """Set every stored log probability of every audit to a lie, and make digests and journals agree."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for journal in audits.glob("*/journal.jsonl"):
        lines = []
        for line in journal.read_bytes().splitlines():
            told = json.loads(line)
            path = journal.parent / told["path"]
            table = pq.read_table(path)
            lie = pa.array([-1.0] * table.num_rows, pa.float64())
            pq.write_table(table.set_column(table.column_names.index("log_prob"), "log_prob", lie), path)
            lines.append(json.dumps({**told, "sha256": digest_file(path)}))
        journal.write_text("\n".join(lines) + "\n")


def test_a_forged_neighbour_answers_for_nobody(tmp_path, data):
    honest, _ = told_by(plan_of(data), tmp_path / "honest")
    told_by(plan_of(data), tmp_path / "audits")
    forge(tmp_path / "audits")
    mine, said = told_by(plan_of(data, "mine"), tmp_path / "audits")
    assert mine.run.calls_asked == honest.run.calls_asked
    assert mine.record.findings == honest.record.findings
    assert len(said) == 1
    assert "as this installation did not store them" in said[0]


def test_an_imported_bundle_answers_for_nobody(tmp_path, data, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path / "stranger"))
        theirs, _ = told_by(plan_of(data), tmp_path / "theirs")
        export_audit(theirs.folder, tmp_path / "a.zip")
    imported = import_audit(tmp_path / "a.zip", tmp_path / "audits")
    mine, said = told_by(plan_of(data, "another"), tmp_path / "audits")
    assert mine.run.calls_asked > 0
    assert mine.run.adopted == {}
    assert str(imported) in said[0]
    same, said = told_by(plan_of(data), tmp_path / "audits")
    assert same.folder.name == f"{imported.name}-2"
    assert f"{imported}: finished, but not by this installation" in said[0]
    again, _ = told_by(plan_of(data), tmp_path / "audits")
    assert again.folder == same.folder
    assert check_digests(load_record(imported)) > 1
    assert recompute(load_record(imported), {"c": Repeats()}) > 0, "it verifies wherever it lies"


def test_a_copy_under_another_name_answers_for_nobody(tmp_path, data):
    first, _ = told_by(plan_of(data), tmp_path / "audits")
    first.folder.rename(tmp_path / "audits" / "renamed")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / first.folder.name).symlink_to(tmp_path / "audits" / "renamed")
    for into in ("audits", "links"):
        second, _ = told_by(plan_of(data, "another"), tmp_path / into)
        assert second.run.calls_asked > 0


def test_going_on_with_another_key_asks_anew_and_says_so(tmp_path, data, elsewhere):
    whole, _ = told_by(plan_of(data), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(plan_of(data), into=tmp_path / "audits", watch=RunCallbacks(on_answer=_stop))
    elsewhere()
    audit, said = told_by(plan_of(data), tmp_path / "audits")
    assert audit.run.calls_asked == whole.run.calls_asked
    assert dump(audit.record) == dump(whole.record)
    assert len(said) == 1
    assert "1 lines are no answers that this installation stored; asked anew" in said[0]
    assert told_by(plan_of(data), tmp_path / "audits")[1] == []


def _stop(items: int) -> None:
    raise KeyboardInterrupt


# ---- items that failed


class FailsOnce(MarkovModel):
    """Refuses the text that each shard begins with."""

    def sample(self, prompts, *, seed, max_tokens=8):
        failed = Sample("", "error", problem="HTTP 400")
        return [failed, *super().sample(prompts[1:], seed=seed, max_tokens=max_tokens)]


class AfterDraws(Repeats):
    """Repeats, of the texts that the model also goes on with."""

    needs = frozenset({"log_prob", "sample"})

    def observe(self, ask, items, role):
        drawn = ask("sample", items["text"].tolist())
        return super().observe(ask, items[drawn["problem"].isna().to_numpy()], role)


def test_answers_in_which_an_item_failed_are_named_by_the_audit_that_rests_on_them(tmp_path, data):
    plan = Plan(title="T", checks=(Check("c", AfterDraws(), {"items": data}),), model=FailsOnce(MarkovText()), shard=9)
    audit = run(plan, into=tmp_path / "audits")
    assert audit.finding("c").headline.n["items"] == 24
    stored = {f"{path.relative_to(audit.folder)}" for path in audit.folder.glob("observed/**/*.parquet")}
    assert {one.path for one in load_record(audit.folder).run.evidence} == stored
    assert (len(stored), len((audit.folder / "journal.jsonl").read_bytes().splitlines())) == (6, 3)
    assert check_digests(audit) == len(stored) + 3
    next(audit.folder.glob("observed/*/*.parquet")).write_bytes(b"")
    with pytest.raises(IntegrityError, match="observed/"):
        check_digests(audit)


def test_an_audit_of_which_every_shard_has_a_failed_item_is_no_tampered_one(tmp_path, data):
    class OnlyDraws(AfterDraws):
        needs = frozenset({"sample"})

        def observe(self, ask, items, role):
            drawn = ask("sample", items["text"].tolist())
            return items.assign(nats=-2.0, repeated=-1.0)[drawn["problem"].isna().to_numpy()]

    plan = Plan(title="T", checks=(Check("c", OnlyDraws(), {"items": data}),), model=FailsOnce(MarkovText()), shard=27)
    audit = run(plan, into=tmp_path / "audits")
    assert check_digests(audit) > 1
    assert run(plan, into=tmp_path / "audits").folder == audit.folder
    export_audit(audit.folder, tmp_path / "b.tar")


# ---- a record in the place of ours


def test_a_record_that_does_not_follow_from_the_plan_is_no_record_of_it(tmp_path, data):
    audit, _ = told_by(plan_of(data), tmp_path / "audits")
    file, good = audit.folder / "record.json", json.loads((audit.folder / "record.json").read_bytes())
    planted = {**dict.fromkeys(("id", "title", "plan"), "x"), "schema": 1, "verdict": "passed", "level": 0.9, "seed": 0}
    other = [{**good["findings"][0], "check": "d"}]
    changes = ({"id": "x"}, {"plan": "x"}, {"findings": []}, {"findings": other})
    for bad in ({**planted, "models": {}, "findings": []}, *({**good, **change} for change in changes)):
        file.write_text(json.dumps(bad))
        with pytest.raises(IntegrityError, match="not the record of this plan; remove the folder, or run with --fresh"):
            run(plan_of(data), into=tmp_path / "audits")
    file.write_text("[" * 9)
    with pytest.raises(IntegrityError, match="--fresh"):
        run(plan_of(data), into=tmp_path / "audits")
    assert run(plan_of(data), into=tmp_path / "audits", fresh=True).run.calls_asked > 0


def test_a_record_that_agrees_with_the_plan_and_is_not_ours_is_not_believed(tmp_path, data):
    audit, _ = told_by(plan_of(data), tmp_path / "audits")
    model = audit.record.models["main"].model_copy(update={"name": "another"})
    record = audit.record.model_copy(update={"models": {"main": model}})
    (audit.folder / "record.json").write_bytes(dump(record))
    again, said = told_by(plan_of(data), tmp_path / "audits")
    assert again.folder != audit.folder
    assert again.record.model_copy(update={"attempts": []}) == audit.record
    assert "not by this installation" in said[0]


def test_a_finished_audit_with_altered_evidence_is_no_finished_audit(tmp_path, data):
    audit, _ = told_by(plan_of(data), tmp_path / "audits")
    file = audit.folder / "items" / "c.parquet"
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(IntegrityError, match=r"items/c\.parquet"):
        run(plan_of(data), into=tmp_path / "audits")


def test_a_record_without_the_facts_of_its_run_is_completed(tmp_path, data):
    audit, _ = told_by(plan_of(data), tmp_path / "audits")
    before = (audit.folder / "record.json").read_bytes()
    (audit.folder / "run.json").unlink()
    again, _ = told_by(plan_of(data), tmp_path / "audits")
    assert again.run.calls_asked == 0
    assert (again.folder / "record.json").read_bytes() == before
    assert {one.path for one in load_record(again.folder).run.evidence} == {one.path for one in audit.run.evidence}


# ---- a disk that is full for a moment


def test_a_line_that_finds_no_room_leaves_the_journal_as_it_was(tmp_path):
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(b"one\n")
    code = (
        "import os, resource, signal, sys\nfrom audit.files import append_line\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (6, 6))\n"
        "handle = os.open(sys.argv[1], os.O_RDWR | os.O_APPEND)\n"
        "try:\n    append_line(handle, b'second\\n')\nexcept OSError:\n    print('full')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(journal)], capture_output=True, text=True, check=True)
    assert done.stdout == "full\n"
    assert journal.read_bytes() == b"one\n"


def test_a_full_moment_costs_one_shard(tmp_path, data, monkeypatch):
    """The disk is full for one line of the journal; half of it is written, as a real one does."""
    whole, _ = told_by(plan_of(data), tmp_path / "whole")
    write, calls = os.write, []

    def full_once(handle, line):
        calls.append(line)
        return write(handle, line[: len(line) // 2]) if len(calls) == 3 else write(handle, line)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_once)
        crashed = run(plan_of(data), into=tmp_path / "audits")
    assert crashed.record.findings[0].verdict == "crashed"
    neighbour, _ = told_by(plan_of(data, "another"), tmp_path / "audits")
    assert neighbour.run.adopted
    again, said = told_by(plan_of(data), tmp_path / "audits")
    assert dump(again.record) == dump(whole.record)
    assert not any("journal" in line for line in said)


def test_a_neighbour_that_cannot_be_read_is_passed_by_with_a_remark(tmp_path, data):
    first, _ = told_by(plan_of(data), tmp_path / "audits")
    journal = first.folder / "journal.jsonl"
    journal.unlink()
    os.mkfifo(journal)
    second, said = told_by(plan_of(data, "another"), tmp_path / "audits")
    assert second.run.calls_asked > 0
    assert said == [f"{journal}: not a regular file; its answers are not taken over"]


# ---- links, and what is left behind


PLACES = [".lock", "journal.jsonl", "observed", "observations", "items", "record.json", "run.json"]


@pytest.mark.parametrize("name", PLACES)
def test_no_write_follows_a_link(tmp_path, data, name):
    audit, _ = told_by(plan_of(data), tmp_path / "audits")
    target = tmp_path / "target"
    target.mkdir() if "." not in name else target.write_text("precious")
    place = audit.folder / name
    (audit.folder / "run.json").unlink()
    shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    place.symlink_to(target)
    with pytest.raises(IntegrityError, match=r"is a link|not JSON"):
        run(plan_of(data), into=tmp_path / "audits")
    assert list(target.iterdir()) == [] if target.is_dir() else target.read_text() == "precious"


def test_a_folder_that_is_a_link_is_refused(tmp_path, data):
    audit, _ = told_by(plan_of(data), tmp_path / "audits")
    shutil.rmtree(audit.folder)
    (tmp_path / "target").mkdir()
    audit.folder.symlink_to(tmp_path / "target")
    with pytest.raises(IntegrityError, match="is a link"):
        run(plan_of(data), into=tmp_path / "audits")
    assert run(plan_of(data), into=tmp_path / "audits", fresh=True).folder.name.endswith("-2")
    assert list((tmp_path / "target").iterdir()) == []


def test_a_temporary_file_that_is_a_link_is_not_written_through(tmp_path):
    (tmp_path / "precious").write_text("as it was")
    (tmp_path / f".a.{worker()}.tmp").symlink_to(tmp_path / "precious")
    write_atomic(tmp_path / "a", b"new")
    assert (tmp_path / "precious").read_text() == "as it was"
    assert (tmp_path / "a").read_bytes() == b"new"
    assert not (tmp_path / "a").is_symlink()


def test_what_dead_processes_left_is_removed_and_nothing_else(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here, living = tmp_path / "below", os.getppid()
    here.mkdir()
    for name in (f".a.json.{dead.pid}.7.tmp", f".a.json.{dead.pid}.tmp", f".a.json.{living}.7.tmp", ".b.tmp", "c"):
        (here / name).touch()
    for name in (f".import-{dead.pid}.7-x1", f".import-{living}.7-x1"):
        (tmp_path / name / "audit").mkdir(parents=True)
    tidy(tmp_path, deep=True)
    assert {path.name for path in here.iterdir()} == {f".a.json.{living}.7.tmp", ".b.tmp", "c"}
    assert {path.name for path in tmp_path.iterdir()} == {"below", f".import-{living}.7-x1"}


# ---- the key


def test_the_key_may_come_from_the_environment_and_then_no_file_is_kept(tmp_path, data, monkeypatch):
    """Two machines with one key are one installation; a machine without it is another one."""
    key = "0123456789abcdef" * 4
    macs = []
    for place, given in (("one", key), ("two", f" {key.upper()}\n"), ("three", "")):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / place))
        monkeypatch.setenv(STATE_KEY, given)
        audit, said = told_by(plan_of(data), tmp_path / "audits")
        macs.append(Secret.here().mac("x"))
        assert (audit.folder.name.endswith("-2"), bool(said)) == (not given, not given)
        assert (tmp_path / place).exists() == (not given)
    assert macs[0] == macs[1] != macs[2]
    assert macs[0] == hmac.new(bytes.fromhex(key), canonical(("x",)), "sha256").hexdigest()


@pytest.mark.parametrize("given", ["short", "ab" * 31, "ab" * 33, "g" * 64, "ab" * 31 + "\u0661\u0661"])
def test_what_is_no_state_key_is_refused_in_one_line_that_does_not_show_it(tmp_path, data, monkeypatch, given):
    monkeypatch.setenv(STATE_KEY, given)
    with pytest.raises(UsageError, match=r"64 hexadecimal digits, as 'openssl rand -hex 32' prints") as caught:
        run(plan_of(data), into=tmp_path / "audits")
    assert given not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "audits").exists()


def test_the_key_is_its_owners_alone_and_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    one = Secret.here()
    file = tmp_path / "state" / "dokimasia" / "key"
    assert key_file() == file
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]
    assert (len(one.key), one.problem) == (32, None)
    assert one.holds(one.mac("a", 1), "a", 1)
    assert not one.holds(one.mac("a", 1), "a", 2)
    assert not one.holds(None, "a", 1)
    assert not one.holds("ä", "a", 1)
    code = "from audit.signing import Secret; print(Secret.here().mac('x'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == one.mac("x")


@pytest.mark.parametrize("spoil", ["open", "short", "link", "folder", "no home"])
def test_without_a_key_that_can_be_kept_nothing_is_believed_later(tmp_path, monkeypatch, data, spoil):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    file = tmp_path / "state" / "dokimasia" / "key"
    file.parent.mkdir(parents=True)
    if spoil == "folder":
        file.mkdir()
    elif spoil == "no home":
        monkeypatch.delenv("XDG_STATE_HOME")
        monkeypatch.setattr(Path, "home", _no_home)
    else:
        file.write_bytes(b"x" * (3 if spoil == "short" else 32))
        file.chmod(0o644 if spoil == "open" else 0o600)
    if spoil == "link":
        file.rename(tmp_path / "other")
        file.symlink_to(tmp_path / "other")
    assert Secret.here().problem
    audit, said = told_by(plan_of(data), tmp_path / "audits")
    assert said == [f"nothing of this run counts for a later one: {Secret.here().problem}"]
    assert told_by(plan_of(data), tmp_path / "audits")[0].folder == audit.folder, "within the process it is known"


def _no_home() -> Path:
    raise RuntimeError("no home")


@pytest.mark.slow
def test_killed_at_any_file_operation_and_done_again_all_bytes_are_the_same():
    """A few places of each, of an audit of 7 shards; `benchmarks/kills.py` takes 200, 25 shards, and a real model."""
    script = Path(__file__).parents[1] / "benchmarks" / "kills.py"
    actions = ["run", "review", "seal", "export", "import", "erase"]
    words = [sys.executable, str(script), *actions, "--points", "5", "--items", "100"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout.splitlines()
    assert [line.split(":")[0] for line in told] == actions
    assert all("killed at 0" not in line and ", 0 without the same bytes" in line for line in told)
