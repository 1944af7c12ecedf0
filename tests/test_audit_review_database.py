"""Reviews of one audit from many writers, on a file, SQLite and PostgreSQL: nothing lost, one chain, forks refused."""

import random
import shutil
import signal
import time

import pytest
from forks import Fork
from postgres import fresh_database
from review_fixtures import small_audit

from audit.database import open_database, read, write
from audit.errors import ConflictError, DatabaseError, IntegrityError, UsageError
from audit.integrity import export_audit, import_audit, seal_audit, verify_audit
from audit.record import REVIEWS_FILE, load_record
from audit.review import (
    CHAIN_START,
    REVIEWS,
    Comment,
    Decision,
    Rating,
    add_reviews,
    pull_reviews,
    push_reviews,
    read_reviews,
    signature_of,
)
from audit.review.table_log import TableLog, _tables
from audit.signing import make_key
from audit.signing.keys import read_key


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small_audit(tmp_path_factory.mktemp("made"))


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path, monkeypatch):
    """A database, named by the environment."""
    on_server = request.param == "postgresql"
    url = fresh_database(request.getfixturevalue("postgres_server")) if on_server else str(tmp_path / "reviews.sqlite")
    monkeypatch.setenv(REVIEWS, url)
    return url


@pytest.fixture
def host(made, tmp_path):
    """Make the folder of one more host, with a copy of the audit."""

    def copied(name):
        shutil.copytree(made.folder, tmp_path / name / "audit")
        return load_record(tmp_path / name / "audit")

    return copied


def writer(name, folder, count):
    """A process that says so many words, and tells when each was kept."""

    def write(tell):
        audit = load_record(folder)
        for number in range(count):
            add_reviews(audit, Comment(check="limited", text=f"{name} {number}"), author=f"Writer {name}")
            tell(f"{name} {number}")

    return Fork(write)


def written(folders, count):
    """Have as many processes as folders say so many words each, all at once; returns how many were kept."""
    ends = [process.end() for process in [writer(name, folder, count) for name, folder in enumerate(folders)]]
    assert {code for code, _ in ends} == {0}
    return sum(len(told) for _, told in ends)


def texts(audit):
    return [getattr(entry.says, "text", entry.says.kind) for entry in read_reviews(audit.folder).entries]


def all_there(audit, of_eight):
    """Every word of eight writers is there once, and each one's words in their order."""
    said = texts(audit)
    assert len(said) == len(set(said)) == 8 * of_eight
    for name in range(8):
        assert [one for one in said if one.startswith(f"{name} ")] == [f"{name} {number}" for number in range(of_eight)]


def test_eight_writers_of_one_file_lose_nothing(host):
    audit = host("shared")
    assert written([audit.folder] * 8, 100) == 800
    all_there(audit, 100)


def test_eight_hosts_of_one_database_lose_nothing(host, place):
    audits = [host(f"host {name}") for name in range(8)]
    assert written([audit.folder for audit in audits], 25) == 200
    lines = {(pull_reviews(audit), (audit.folder / REVIEWS_FILE).read_bytes())[1] for audit in audits}
    assert len(lines) == 1, "the same bytes on every host"
    all_there(audits[0], 25)


def test_kill_9_loses_at_most_the_entry_in_flight(host, place):
    rng, told, killed = random.Random(5), 0, 0
    audit, other = host("killed"), host("other")
    for _ in range(2):
        process = writer(0, audit.folder, 100_000)
        process.told.readline()
        time.sleep(rng.uniform(0.01, 0.3))
        process.kill()
        code, rest = process.end()
        killed += code == -signal.SIGKILL
        told += 1 + sum(line.endswith(tuple("0123456789")) for line in rest)
        pull_reviews(other)
        entries = len(read_reviews(other.folder).entries)
        assert told <= entries <= told + 1
        told = entries
    assert killed == 2
    pull_reviews(audit)
    assert (audit.folder / REVIEWS_FILE).read_bytes() == (other.folder / REVIEWS_FILE).read_bytes()


def test_what_one_host_says_another_reads_byte_for_byte_signatures_too(host, place, tmp_path):
    here, there = host("here"), host("there")
    make_key(tmp_path / "kim")
    key = read_key(tmp_path / "kim")
    name = "Kim \u202e<b>%s'; DROP TABLE review_lines;--\u200b"
    says = Comment(text="\u0000 '; DROP TABLE review_lines;-- 김\U0001f600")
    (entry,) = add_reviews(here, says, author=name, key=key)
    add_reviews(there, Rating(check="limited", rating="high"), author="Lee")
    assert pull_reviews(here) == 1
    assert pull_reviews(here) == 0
    assert (here.folder / REVIEWS_FILE).read_bytes() == (there.folder / REVIEWS_FILE).read_bytes()
    first, second = read_reviews(there.folder).entries
    assert (first, signature_of(first), second.author) == (entry, "holds", "Lee")
    assert verify_audit(there.folder).signed == 1
    seal_audit(there, key, by="Kim")
    export_audit(there.folder, tmp_path / "a.zip")
    copy = load_record(import_audit(tmp_path / "a.zip", tmp_path / "in"))
    add_reviews(copy, Comment(text="more"), author="Park")
    assert verify_audit(there.folder).seal.later_reviews == 0
    pull_reviews(there)
    assert verify_audit(there.folder).seal.later_reviews == 1


def test_a_word_that_rests_on_what_another_host_changed_is_told(host, place):
    here, there = host("here"), host("there")
    add_reviews(here, Decision(decision="in review", two_person=True), author="Kim")
    pull_reviews(there)
    seen = read_reviews(there.folder).digests[-1]
    add_reviews(here, Comment(text="Wait for the second run"), author="Kim")
    with pytest.raises(ConflictError, match="meanwhile Kim said: a remark, Wait for the second run"):
        add_reviews(there, Decision(decision="approved"), author="Lee", seen=seen)
    with pytest.raises(UsageError, match="another person"):
        add_reviews(host("third"), Decision(decision="approved"), author="Kim")
    assert pull_reviews(there) == 1


def test_what_is_refused_makes_neither_file_nor_row(host, place):
    audit = host("here")
    add_reviews(host("there"), Comment(text="x"), author="Lee")
    with pytest.raises(UsageError, match="nobody asked"):
        add_reviews(
            audit, Decision(decision="changes asked", two_person=True), Decision(decision="approved"), author="Kim"
        )
    assert len(texts(audit)) == 1
    assert pull_reviews(audit) == 0


def test_a_file_that_was_there_before_is_given_to_the_database_when_somebody_says_so(host, place, monkeypatch):
    here, there = host("here"), host("there")
    with monkeypatch.context() as patch:
        patch.delenv(REVIEWS)
        add_reviews(here, Comment(text="a"), Comment(text="b"), author="Kim")
        with pytest.raises(UsageError, match="no database"):
            push_reviews(here)
    before = (here.folder / REVIEWS_FILE).read_bytes()
    with pytest.raises(UsageError, match=r"holds 2 entries that .* does not have; 'dokimasia review audit --sync'"):
        add_reviews(here, Comment(text="c"), author="Kim")
    assert (here.folder / REVIEWS_FILE).read_bytes() == before
    assert pull_reviews(here) == 0, "it is read as it is"
    assert push_reviews(here) == (0, 2)
    add_reviews(there, Comment(text="c"), author="Lee")
    assert push_reviews(here) == (1, 0)
    assert texts(here) == texts(there) == ["a", "b", "c"]


def test_two_histories_are_told_apart_and_neither_is_touched(host, place, monkeypatch):
    here, there = host("here"), host("there")
    add_reviews(here, Comment(text="both"), author="Kim")
    pull_reviews(there)
    with monkeypatch.context() as patch:
        patch.delenv(REVIEWS)
        add_reviews(there, Comment(text="alone"), author="Lee")
    add_reviews(here, Comment(text="x"), Comment(text="y"), author="Park")
    before = (there.folder / REVIEWS_FILE).read_bytes()
    told = "agree on 1 entries and go on differently: 1 more here, the last by Lee; 2 more there, the last by Park"
    for action in (pull_reviews, push_reviews, lambda one: add_reviews(one, Comment(text="z"), author="Lee")):
        with pytest.raises(IntegrityError, match=told):
            action(there)
    assert (there.folder / REVIEWS_FILE).read_bytes() == before
    assert (texts(here), pull_reviews(here)) == (["both", "x", "y"], 0)


def changed(place, statement, **values):
    from sqlalchemy import text

    write(open_database(place), lambda connection: connection.execute(text(statement), values))


def test_a_database_that_was_changed_or_is_another_audits_is_refused(host, place, tmp_path):
    from audit.files import sha256

    audit = host("here")
    add_reviews(audit, Comment(text="a"), Comment(text="b"), author="Kim")
    other = small_audit(tmp_path / "other", title="Another")
    line = (audit.folder / REVIEWS_FILE).read_bytes().splitlines(keepends=True)[0]
    record = TableLog(other, place).record
    changed(place, "INSERT INTO review_logs VALUES (:record, 'x', 1, :head)", record=record, head=sha256(line))
    changed(
        place, "INSERT INTO review_lines VALUES (:record, 1, :start, :head, :line)",
        record=record, start=CHAIN_START, head=sha256(line), line=line,
    )  # fmt: skip
    with pytest.raises(IntegrityError, match="speaks of another record"):
        add_reviews(other, Comment(text="x"), author="Kim")
    assert not (other.folder / REVIEWS_FILE).exists()
    mine = TableLog(audit, place).record
    changed(place, "DELETE FROM review_lines WHERE record = :record AND number = 2", record=mine)
    for one in (audit, host("there")):
        with pytest.raises(IntegrityError, match="has not the 2 entries"):
            add_reviews(one, Comment(text="x"), author="Kim")


def test_no_chain_can_have_two_ends(host, place):
    audit = host("here")
    add_reviews(audit, Comment(text="a"), Comment(text="b"), author="Kim")
    lines = _tables().lines
    rows = read(open_database(place), lambda connection: connection.execute(lines.select()).mappings().all())
    for key in ({"number": 3}, {"previous": f"sha256:{'1' * 64}"}):
        with pytest.raises(Exception, match=r"(?i)unique"):
            write(open_database(place), lambda one, row={**rows[1], **key}: one.execute(lines.insert(), row))


@pytest.mark.parametrize("why", ["no server", "no folder"])
def test_a_database_that_is_not_there_is_one_line_and_nothing_is_kept(host, tmp_path, monkeypatch, why):
    audit = host("here")
    urls = {
        "no server": f"postgresql://kim:SECRET@/none?host={tmp_path}", "no folder": str(tmp_path / "none" / "x.sqlite"),
    }  # fmt: skip
    monkeypatch.setenv(REVIEWS, urls[why])
    for action in (pull_reviews, lambda one: add_reviews(one, Comment(text="x"), author="Kim")):
        with pytest.raises((DatabaseError, UsageError)) as error:
            action(audit)
        assert "\n" not in str(error.value)
        assert "SECRET" not in str(error.value)
    assert not (audit.folder / REVIEWS_FILE).exists()


def test_a_file_that_cannot_follow_loses_nothing(host, place, monkeypatch):
    import audit.files.disk as module

    here, there = host("here"), host("there")
    add_reviews(here, Comment(text="a"), author="Kim")
    before, write_ = (here.folder / REVIEWS_FILE).read_bytes(), module.os.write
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "write", lambda handle, line: write_(handle, line[:40]))
        with pytest.raises(UsageError, match=r"has kept it; .* cannot be brought up to it \(the disk is full\)"):
            add_reviews(here, Comment(text="b"), author="Kim")
    assert (here.folder / REVIEWS_FILE).read_bytes() == before
    assert (pull_reviews(here), pull_reviews(there)) == (1, 2)
    assert texts(here) == texts(there) == ["a", "b"]


def test_a_commit_of_which_nothing_is_heard_is_told_as_such(host, place, monkeypatch):
    import audit.review.table_log as module

    audit = host("here")

    def lost(engine, work, **more):
        write(engine, work, **more)
        raise DatabaseError("server: connection lost")

    monkeypatch.setattr(module, "write", lost)
    with pytest.raises(DatabaseError, match="connection lost; whether it was kept shows 'dokimasia review audit"):
        add_reviews(audit, Comment(text="a"), author="Kim")
    assert not (audit.folder / REVIEWS_FILE).read_bytes()
    assert (pull_reviews(audit), texts(audit)) == (1, ["a"])
