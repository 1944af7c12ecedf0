"""Verify: every way of making a stored audit say something else is found, and what is not covered is told."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from markov import Repeats
from review_fixtures import small_audit

from audit.cli.app import execute
from audit.errors import IntegrityError
from audit.files import canonical, digest_file
from audit.integrity import check_digests, recompute, verify_audit
from audit.integrity.seal import Sealed
from audit.record import load_record
from reports.text import words_of
from reports.views import verification_lines

PROBES = {"limited": Repeats(), "free": Repeats()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small_audit(tmp_path_factory.mktemp("made"))


@pytest.fixture
def folder(made, tmp_path):
    """A copy that this installation ran, under its own name."""
    return Path(shutil.copytree(made.folder, tmp_path / made.folder.name))


def verified(folder, *, again):
    audit = load_record(folder)
    check_digests(audit)
    return recompute(audit, PROBES) if again else None


def first(record, **changes):
    record["findings"][0].update(changes)


def measures(record, **changes):
    for finding in record["findings"]:
        for measure in finding["measures"]:
            measure.update(changes)


def all_passed(record):
    first(record, verdict="passed")
    record["verdict"] = "passed"


def drop_evidence(record):
    for finding in record["findings"]:
        finding["evidence"] = []


def drop_numbers(record):
    drop_evidence(record)
    for finding in record["findings"]:
        finding["measures"] = []


def hide(record):
    """The check without a limit was never measured."""
    record["findings"][1].update(verdict="skipped", measures=[], evidence=[], reason={"key": "data", "role": "items"})


TAMPERED = {
    "every verdict is passed": all_passed,
    "only the audit's verdict is": lambda record: record.update(verdict="passed"),
    "another limit": lambda record: record["findings"][0]["limit"].update(at_most=0.99),
    "it does not gate": lambda record: first(record, gating=False),
    "n is a million": lambda record: measures(record, n={"items": 10**6, "units": 10**6}),
    "n is a million for the check without a limit": lambda record: record["findings"][1]["measures"][0].update(
        n={"items": 10**6, "units": 10**6}
    ),
    "another value": lambda record: measures(record, value=0.01, low=0.0, high=0.02),
    "another fingerprint": lambda record: record["models"]["main"].update(fingerprint="sha256:other"),
    "another title": lambda record: record.update(title="Another"),
    "another id": lambda record: record.update(id="0" * 16),
    "another seed": lambda record: record.update(seed=5),
    "another level": lambda record: record.update(level=0.5),
    "another level of the numbers": lambda record: measures(record, level=0.5),
    "one finding is left out": lambda record: record["findings"].pop(0),
    "no evidence": drop_evidence,
    "no numbers and no evidence": drop_numbers,
    "other options": lambda record: first(record, options={"batch": 3}),
    "other data": lambda record: record["findings"][0]["data"]["items"].update(digest="sha256:other"),
    "it stopped early": lambda record: first(record, stop="early"),
    "another sentence": lambda record: first(record, why="All is well."),
    "another reason": lambda record: first(record, reason={**record["findings"][0]["reason"], "limit": "at most 99 %"}),
    "more units would decide": lambda record: first(record, more_units=3),
    "a remark": lambda record: first(record, remarks=[{"key": "x"}]),
    "a control that failed": lambda record: first(record, controls={"positive": True, "negative": False}),
    "approved by two": lambda record: record.update(two_person=True),
    "another sheet": lambda record: record.update(sheet={"purpose": "anything"}),
}
BY_THE_RUN = {
    "another name of the model": lambda record: record["models"]["main"].update(name="Another"),
    "a measurement that is hidden": hide,
}
"""What no plan fixes and no judging gives: only that run.json names the record, under this installation's MAC."""


def altered(folder, change, *, careful):
    """Change the record; the careful forger sets the digest in run.json right."""
    path = folder / "record.json"
    record = json.loads(path.read_bytes())
    change(record)
    path.write_bytes(canonical(record) + b"\n")
    if careful:
        facts = json.loads((folder / "run.json").read_bytes())
        facts["record"] = digest_file(path)
        (folder / "run.json").write_bytes(canonical(facts) + b"\n")


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("name", TAMPERED)
def test_a_record_that_says_something_else_is_found(folder, name, careful):
    altered(folder, TAMPERED[name], careful=careful)
    with pytest.raises(IntegrityError) as error:
        verified(folder, again=careful)  # a change of the record alone is seen without judging again
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", BY_THE_RUN)
def test_what_only_the_run_knows_is_held_by_its_word(folder, name):
    assert verify_audit(folder).own
    altered(folder, BY_THE_RUN[name], careful=False)
    with pytest.raises(IntegrityError, match="not the record that the run wrote"):
        verify_audit(folder)
    altered(folder, lambda record: None, careful=True)
    assert not verify_audit(folder).own


def flip_items(folder):
    path = folder / "items" / "limited.parquet"
    other = folder / "items" / "free.parquet"
    path.write_bytes(other.read_bytes() + b" ")


def empty_run(folder):
    facts = json.loads((folder / "run.json").read_bytes())
    (folder / "run.json").write_text(json.dumps({**facts, "evidence": []}))


def other_items(folder):
    """Items that say something else, with their digests set right."""
    import pandas as pd

    path = folder / "items" / "limited.parquet"
    frame = pd.read_parquet(path)
    frame.assign(value=1 - frame["value"]).to_parquet(path)

    def change(record):
        for one in record["findings"][0]["evidence"]:
            one["sha256"] = digest_file(folder / one["path"])

    altered(folder, change, careful=True)


FILES = {
    "run.json is gone": lambda folder: (folder / "run.json").unlink(),
    "run.json is empty": lambda folder: (folder / "run.json").write_text("{}"),
    "run.json names no answer": empty_run,
    "items are flipped": flip_items,
    "items are others": other_items,
    "answers are gone": lambda folder: shutil.rmtree(folder / "observed"),
    "observations are gone": lambda folder: shutil.rmtree(folder / "observations"),
    "the plan is another": lambda folder: (folder / "plan.json").write_text("{}"),
    "a deviation": lambda folder: (folder / "deviations.json").write_text('[{"what": "x", "registered": "y"}]'),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_gone_or_others_are_found(folder, name):
    FILES[name](folder)
    with pytest.raises(IntegrityError):
        verified(folder, again=True)


def test_what_was_not_changed_is_as_it_was(folder):
    found = verify_audit(folder)
    assert (found.own, found.uncovered, found.strays) == (True, ("journal.jsonl", "plan.yaml"), ())
    assert recompute(load_record(folder), PROBES) == 6
    moved = folder.with_name("elsewhere")
    folder.rename(moved)
    assert not verify_audit(moved).own


def test_what_nothing_covers_is_told(folder):
    (folder / "reports").mkdir()
    (folder / "reports" / "report.html").write_text("x")
    (folder / ".hidden").write_text("x")
    (folder / "observed" / "link").symlink_to("/")
    found = verify_audit(folder)
    assert found.strays == (".hidden", "observed/link")
    lines = list(found.lines())
    assert "not covered, so that a change would not be seen: journal.jsonl, plan.yaml, reports/ (1)" in lines
    assert "no part of an audit: .hidden, observed/link" in lines


def test_every_line_is_told_in_korean(made):
    """Of a seal by a known and an unknown key, of reviews that are torn, go back and are signed, and of much that is
    not covered.
    """
    seal = Sealed("Kim", "2026-11-24T10:03:00+00:00", "sha256:1", True, 9, 2, ("a", "b", "c", "d"), ("reports/x",))
    many = tuple(f"observed/q/{number}.parquet" for number in range(9))
    whole = replace(
        verify_audit(made.folder), numbers=6, reviews=3, head="sha256:2", signed=2, known=1, torn=True, back=(3,),
        seal=seal, uncovered=many, strays=many,
    )
    few = {"uncovered": many[:1], "strays": many[:1], "numbers": None, "torn": False}
    kinds = [whole, replace(whole, **few, known=0, seal=replace(seal, known=False, not_sealed=("a",)))]
    kinds += [replace(whole, seal=replace(seal, owner="Kim Minji"))]
    kinds += [replace(whole, known=0), replace(whole, torn=False), replace(whole, seal=None)]
    for one in kinds:
        told = verification_lines(one, words_of("ko"))
        assert len(told) == len(list(one.lines()))
        for line in told:
            bare = re.sub(r"--\w+|DOKIMASIA_KEYS|observed/q|reports/|sha256|Kim Minji|Kim|parquet", "", line)
            assert re.search("[가-힣]", line), line
            assert not re.search("[A-Za-z]{4,}", bare), line
        assert [line.strip() for line in one.lines()] == verification_lines(one, words_of("en"))


@pytest.mark.parametrize("name", ["every verdict is passed", "another limit"])
def test_the_commands_refuse_it_with_4(folder, name):
    words = ["verify", str(folder)], ["judge", str(folder)]
    assert [execute(one) for one in words] == [0, 1]
    altered(folder, TAMPERED[name], careful=True)
    assert [execute(one) for one in words] == [4, 4]


def test_observations_of_another_version_are_told_in_a_line(folder):
    class Later(Repeats):
        def judge(self, observed, *, level, rng):
            bare = {name: frame.drop(columns=frame.columns) for name, frame in observed.items()}
            return super().judge(bare, level=level, rng=rng)

    with pytest.raises(IntegrityError, match=r"hold no '[a-z_]+': another version of the program made them"):
        recompute(load_record(folder), {"limited": Later(), "free": Later()})
