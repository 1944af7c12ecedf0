"""Several reviewers of one audit: what one says rests on what others have said, and who is late is told, never lost."""

import fcntl
import shutil

import pytest
from review_fixtures import small_audit

from audit.errors import ConflictError, IntegrityError, UsageError
from audit.record import REVIEWS_FILE, load_record
from audit.review import (
    CHAIN_START,
    Answers,
    Comment,
    Decision,
    Override,
    Owner,
    Rating,
    Sample,
    add_reviews,
    read_reviews,
    state_of,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small_audit(tmp_path_factory.mktemp("made"))


@pytest.fixture
def audit(made, tmp_path):
    shutil.copytree(made.folder, tmp_path / "audit")
    return load_record(tmp_path / "audit")


def head(audit):
    return (CHAIN_START, *read_reviews(audit.folder).digests)[-1]


def between(monkeypatch, other):
    """Let somebody else speak at the last moment before a lock is had."""
    real, waiting = fcntl.flock, [other]

    def flock(file, how):
        if waiting:
            waiting.pop()()
        return real(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)


def test_an_approval_is_refused_by_what_stands_when_it_would_be_written(audit, monkeypatch):
    """Kim asked; while Lee's approval waits for the log, Lee asks too, and so is no second person any more."""
    add_reviews(audit, Decision(decision="in review", two_person=True), author="Kim")
    between(monkeypatch, lambda: add_reviews(audit, Decision(decision="in review"), author="Lee"))
    with pytest.raises(UsageError, match="Kim, Lee asked for this one"):
        add_reviews(audit, Decision(decision="approved"), author="Lee")
    assert [entry.says.decision for entry in read_reviews(audit.folder).entries] == ["in review", "in review"]


def test_two_random_checks_at_once_are_one(audit, monkeypatch):
    between(monkeypatch, lambda: add_reviews(audit, Sample(check="limited", count=5), author="Lee"))
    with pytest.raises(UsageError, match="the last one is not finished"):
        add_reviews(audit, Sample(check="limited", count=7), author="Kim")
    assert [entry.says.count for entry in read_reviews(audit.folder).entries] == [5]


def test_what_is_refused_under_the_lock_makes_no_file(audit):
    with pytest.raises(UsageError, match="nobody asked"):
        add_reviews(
            audit, Decision(decision="changes asked", two_person=True), Decision(decision="approved"), author="Kim"
        )
    assert not (audit.folder / REVIEWS_FILE).exists()


def test_one_breath_does_not_ask_and_approve(audit):
    ask = Decision(decision="in review", two_person=True)
    with pytest.raises(UsageError, match="another person"):
        add_reviews(audit, ask, Decision(decision="approved"), author="Kim")
    assert read_reviews(audit.folder).entries == ()


def item_of(audit, number=0):
    return str(audit.items("limited").index[number])


def of(audit, number, value):
    return Override(check="limited", item=item_of(audit, number), value=value)


@pytest.mark.parametrize(
    ("theirs", "mine", "told"),
    [
        (lambda _: Owner(check="limited", owner="Lee"), lambda _: Owner(check="limited", owner="Kim"), "owner Lee"),
        (lambda one: of(one, 0, 1.0), lambda one: of(one, 0, 0.0), "outcome 1"),
        (lambda _: Decision(decision="rejected"), lambda _: Decision(decision="in review"), "decision rejected"),
        (lambda _: Comment(text="Wait\nfor me"), lambda _: Decision(decision="approved"), "a remark, Wait for me"),
        (lambda one: of(one, 3, 1.0), lambda _: Decision(decision="approved"), "outcome 1"),
        (
            lambda _: Answers(framework="eu-ai-act", answers={"role": ["provider"]}),
            lambda _: Answers(framework="eu-ai-act", answers={"role": ["deployer"]}), "answers to eu-ai-act",
        ),
    ],
)  # fmt: skip
def test_who_decided_on_what_others_changed_is_told_and_decides_anew(audit, theirs, mine, told):
    add_reviews(audit, Comment(text="First"), author="Kim")
    seen = head(audit)
    add_reviews(audit, theirs(audit), author="Lee")
    before = (audit.folder / REVIEWS_FILE).read_bytes()
    with pytest.raises(ConflictError, match=f"meanwhile Lee said.*{told}"):
        add_reviews(audit, mine(audit), author="Kim", seen=seen)
    assert (audit.folder / REVIEWS_FILE).read_bytes() == before
    (entry,) = add_reviews(audit, mine(audit), author="Kim", seen=head(audit)[:20])
    assert read_reviews(audit.folder).entries[-1] == entry


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        (lambda _: Owner(check="limited", owner="Lee"), lambda _: Owner(check="free", owner="Kim")),
        (lambda _: Owner(check="limited", owner="Lee"), lambda _: Owner(check="limited", owner="Lee")),
        (lambda _: Owner(check="limited", owner="Lee"), lambda _: Rating(check="limited", rating="low")),
        (lambda one: of(one, 0, 1.0), lambda one: of(one, 1, 0.0)),
        (lambda _: Comment(text="x"), lambda _: Comment(text="y")),
        (lambda _: Comment(text="x"), lambda _: Decision(decision="rejected")),
    ],
)
def test_what_bears_on_nothing_goes_through(audit, theirs, mine):
    add_reviews(audit, theirs(audit), author="Lee")
    add_reviews(audit, mine(audit), author="Kim", seen=CHAIN_START)
    assert [entry.author for entry in read_reviews(audit.folder).entries] == ["Lee", "Kim"]


def test_an_entry_that_was_seen_and_is_gone_is_no_ground_to_stand_on(audit):
    add_reviews(audit, Comment(text="x"), Comment(text="y"), author="Kim")
    seen = head(audit)
    path = audit.folder / REVIEWS_FILE
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(IntegrityError, match="no entry"):
        add_reviews(audit, Comment(text="z"), author="Lee", seen=seen)


def test_several_entries_are_counted(audit):
    for name in ("Lee", "Park", "Choi"):
        add_reviews(audit, Rating(check="limited", rating="high"), author=name)
    with pytest.raises(ConflictError, match="meanwhile Choi said of limited: rating high; 2 more entries"):
        add_reviews(audit, Rating(check="limited", rating="low"), author="Kim", seen=CHAIN_START)
    assert state_of(audit).of("limited").rating == "high"


def test_what_was_kept_and_not_heard_of_is_not_said_twice(audit):
    """A store whose answer was lost asks again with what it has."""

    class Unheard:
        def append(self, make):
            kept = list(make(()))
            assert list(make(kept)) == []
            assert len(list(make(kept[:0]))) == 1, "and anew where it was not kept"

    (entry,) = add_reviews(audit, Comment(text="once"), author="Kim", log=Unheard())
    assert entry.previous == CHAIN_START
