"""An erasure that took more, or less, than it says: what is left of an audit is held to what its record counts."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest
from erasing_fixtures import PERSON, plan_of, told_audit
from markov import Repeats

from audit.cli.app import execute
from audit.errors import IntegrityError, UsageError
from audit.execute import run
from audit.files import canonical, digest_file
from audit.integrity import erase, export_audit, import_audit, seal_audit, verify_audit
from audit.record import REVIEWS_FILE, load_record
from audit.review import Comment, add_reviews
from audit.signing import make_key
from audit.signing.keys import read_key

ITEMS, SEEN = "items/limited.parquet", "observations/limited.items.parquet"
ALL = [f"p{at:02}" for at in range(24)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return told_audit(tmp_path_factory.mktemp("made"))


@pytest.fixture
def audit(made, tmp_path):
    return load_record(shutil.copytree(made.folder, tmp_path / "audits" / made.folder.name))


def erased(audit, checks, **more):
    return erase(audit, checks, **{"author": "Kim", "reason": "asked for", **more})


def forged(folder, change=lambda says: None):
    """Rewrite the last entry as its owner could: with the digests of what lies there and of the entry before."""
    path = folder / REVIEWS_FILE
    *before, last = path.read_bytes().splitlines(keepends=True)
    entry = json.loads(last)
    change(entry["says"])
    for name, stone in entry["says"]["files"].items():
        if (folder / name).is_file():
            stone["now"] = digest_file(folder / name)
    path.write_bytes(b"".join(before) + canonical(entry) + b"\n")


def altered(*names, rows):
    def alter(folder):
        for name in names:
            frame = pd.read_parquet(folder / name)
            rows(frame.set_index("id")).reset_index().to_parquet(folder / name)
        forged(folder)

    return alter


def less(frame):
    return frame.drop("p08")


def doubled(frame):
    return pd.concat([less(frame), frame.loc[["p01"]]])


def said(*items):
    return lambda folder: forged(folder, lambda says: says["checks"].update(limited=[*items]))


def two_for_one(folder):
    altered(ITEMS, SEEN, rows=less)(folder)
    said(PERSON, PERSON)(folder)


def another(folder):
    """The item that people spoke of goes, and the one that is named never was."""
    altered(ITEMS, SEEN, rows=lambda frame: frame.drop("p03"))(folder)
    said(PERSON, "p99")(folder)


def no_table(folder):
    (folder / ITEMS).write_bytes(b"nothing")
    forged(folder)


def all_gone(folder):
    def change(says):
        for name in (ITEMS, SEEN):
            (folder / name).unlink()
            del says["files"][name]["now"]

    forged(folder, change)


def without_ids(folder):
    pd.read_parquet(folder / SEEN).drop(columns="id").to_parquet(folder / SEEN)
    forged(folder)


def answers_left(folder):
    def change(says):
        name = next(name for name in says["files"] if name.startswith("observed/"))
        del says["files"][name]
        shutil.copytree(folder.parent / "backup" / "observed", folder / "observed", dirs_exist_ok=True)
        for path in (folder / "observed").rglob("*.parquet"):
            if path.relative_to(folder).as_posix() in says["files"]:
                path.unlink()

    forged(folder, change)


COUNTED = "22 are left of 24, and 1 are told of as erased"


@pytest.mark.parametrize(("forge", "told"), [
    (altered(ITEMS, rows=less), f"{ITEMS}: {COUNTED}"), (altered(SEEN, rows=less), f"{SEEN}: {COUNTED}"),
    (altered(ITEMS, SEEN, rows=less), COUNTED), (two_for_one, COUNTED),
    (altered(ITEMS, SEEN, rows=doubled), "names an item twice, as nothing that an erasure leaves"),
    (altered(SEEN, rows=doubled), f"{SEEN}: names an item twice"),
    (said("p08"), "holds 'p08', which is told of as erased"), (said(), ": left by an erasure that takes all of it"),
    (said(PERSON, "p99"), f"{SEEN}: 23 are left of 24, and 2 are told of as erased"),
    (another, f"{REVIEWS_FILE}:1: speaks of 'p03' of limited, which is neither left nor told of as erased"),
    (all_gone, f"{ITEMS}: 0 are left of 24, and 1 are told of as erased"),
    (without_ids, f"{SEEN}: not a table of items"),
    (no_table, f"{ITEMS}: not a table of items"), (answers_left, "observed/.*: left by an erasure"),
])  # fmt: skip
def test_what_is_left_is_held_to_the_record(audit, forge, told, tmp_path, capsys):
    shutil.copytree(audit.folder, audit.folder.parent / "backup")
    add_reviews(audit, Comment(check="limited", item="p03", text="strange"), author="Lee")
    erased(audit, {"limited": [PERSON]})
    verify_audit(audit.folder)
    forge(audit.folder)
    with pytest.raises(IntegrityError, match=told):
        verify_audit(audit.folder)
    for words in (["verify"], ["verify", "--recompute"]):
        assert execute([*words, str(audit.folder)]) == 4
        assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises((IntegrityError, UsageError)):
        export_audit(audit.folder, tmp_path / "a.zip")


@pytest.mark.parametrize("ids", [[PERSON], [PERSON, "p01", "p20"], ALL[1:], ALL, []], ids=len)
def test_an_honest_erasure_verifies_before_and_under_a_seal_and_in_a_bundle(audit, ids, tmp_path):
    make_key(tmp_path / "kim")
    key = read_key(tmp_path / "kim")
    add_reviews(audit, *(Comment(check="limited", item=item, text="seen") for item in (PERSON, "p03")), author="Lee")
    for name in ("before", "sealed"):
        copy = load_record(shutil.copytree(audit.folder, tmp_path / name / audit.folder.name))
        if name == "sealed":
            seal_audit(copy, key, "Kim")
        erased(copy, {"limited": ids}, key=key)
        if ids == [PERSON]:
            erased(copy, {"limited": ["p02"], "free": [PERSON]}, key=key)
        verify_audit(copy.folder)
        if name == "before":
            seal_audit(copy, key, "Kim")
        verify_audit(copy.folder, [key.public])
        export_audit(copy.folder, tmp_path / f"{name}.zip")
        verify_audit(import_audit(tmp_path / f"{name}.zip", tmp_path / f"{name} in"), [key.public])


def test_a_table_that_names_an_item_twice_goes_as_a_whole(made, tmp_path):
    """Of what is left of it nobody could say how many rows went with one item."""
    from audit.integrity.erasing import _without

    frame = pd.DataFrame({"text": ["a", "b", "c"]}, index=pd.Index(["p1", "p1", "p2"], name="id"))
    frame.reset_index().to_parquet(tmp_path / "rows.parquet")
    assert _without(tmp_path / "rows.parquet", ["p2"], set()) == (True, None)
    assert _without(tmp_path / "rows.parquet", ["p3"], set()) == (False, None)


def test_an_item_whose_id_another_bears_goes_with_its_check_alone(tmp_path):
    plan = plan_of(tmp_path)
    audit = run(replace(plan, checks=(replace(plan.checks[1], probe=Alike()),)), into=tmp_path / "audits")
    with pytest.raises(UsageError, match="items of 'free' bear one id twice: erase the check as a whole"):
        erased(audit, {"free": [PERSON]})
    erased(audit, {"free": []})
    verify_audit(audit.folder)


class Alike(Repeats):
    """Stores each item twice."""

    def judge(self, observed, *, level, rng):
        made = super().judge(observed, level=level, rng=rng)
        return replace(made, items=pd.concat([made.items, made.items]))
