"""Erasing: no byte of a person's data is left, a tombstone is, and all that was to stay is as it was."""

import fcntl
import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from erasing_fixtures import MAIL, NUMBER, PERSON, SECRETS, holders, plan_of, told_audit
from markov import Repeats
from markupsafe import Markup
from postgres import fresh_database
from test_dashboard_views import screen, seen

from audit import plugins
from audit.catalogue import Asked, Catalogue
from audit.cli.app import execute
from audit.cli.running import _watched
from audit.compare import compare_audits
from audit.errors import IntegrityError, UsageError
from audit.execute import run
from audit.files import canonical, digest_file, sha256
from audit.integrity import erase, export_audit, import_audit, recompute, seal_audit, verify_audit
from audit.policy.coverage.facts import facts_of
from audit.probes.privacy.personal_data import PersonalData
from audit.record import RECORD_FILE, REVIEWS_FILE, SEAL_FILE, erasures, items_of, load_record
from audit.review import (
    REVIEWS,
    Comment,
    Decision,
    Override,
    add_reviews,
    agreements,
    pull_reviews,
    read_reviews,
    state_of,
)
from audit.signing import make_key
from audit.signing.keys import read_key
from dashboard.loading import AUDITS
from dashboard.trust import chip_of, trust_in
from detectors.intervals import mean_over_units
from reports.documents.html_report import render_html
from reports.documents.json_report import render_json
from reports.documents.markdown_report import render_markdown
from reports.options import ReportOptions
from reports.pictures.finding_figure import FindingFigure, Picture
from reports.text import Notation, words_of
from reports.views import verification_lines

AT = datetime(2026, 11, 24, 10, 3, tzinfo=UTC)
PROBES = {"limited": Repeats(), "free": Repeats(), "personal": PersonalData(max_tokens=8)}
EVERYWHERE = {check: [PERSON] for check in PROBES}
STAYS = ("record.json", "run.json", "plan.json", "plan.yaml", "journal.jsonl")
WHY = "asked for by the person (Art. 17)"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return told_audit(tmp_path_factory.mktemp("made"))


@pytest.fixture
def audit(made, tmp_path):
    return load_record(shutil.copytree(made.folder, tmp_path / "audits" / made.folder.name))


def erased(audit, checks=None, **more):
    return erase(audit, {} if checks is None else checks, **{"author": "Kim", "reason": WHY, "at": AT, **more})


def bytes_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"
    }  # fmt: skip


def documents(audit):
    """Return the documents of an audit, in both languages."""
    made = {}
    for lang in ("en", "ko"):
        for render in (render_html, render_markdown, render_json):
            made |= {f"{lang} {name}": data for name, data in render(audit, ReportOptions(lang=lang)).items()}
    return made


# ---- what goes, and what stays


@pytest.mark.parametrize("checks", [{}, EVERYWHERE], ids=["all of it", "one person's items"])
def test_no_byte_of_it_is_left_and_all_else_stays(audit, checks):
    folder = audit.folder
    audit.report("html")
    (folder / "observed" / "left.jsonl").write_text(f"a run that was broken off {MAIL}")
    assert len(holders(folder, *SECRETS)) >= 8
    before, kept = bytes_of(folder), audit.items("free")
    what = erased(audit, checks)
    assert holders(folder, *SECRETS) == set()
    after = bytes_of(folder)
    assert {name: after[name] for name in STAYS} == {name: before[name] for name in STAYS}
    assert {*before} - {*after} == {*what.gone}
    assert {name for name in after if after[name] != before.get(name)} == {*what.rewritten, REVIEWS_FILE}
    assert what.size == sum(map(len, before.values())) - sum(map(len, after.values())) + len(after[REVIEWS_FILE])
    if checks:
        assert audit.items("free").equals(kept.drop(PERSON))
        assert not any(name.startswith("observed/") for name in after)
    else:
        assert audit.items("free") is None
        assert {*after} == {*STAYS, REVIEWS_FILE}


def test_the_tombstone_says_who_when_why_and_of_each_file_what_it_was(audit):
    before = {name: sha256(data) for name, data in bytes_of(audit.folder).items()}
    erased(audit, EVERYWHERE)
    (one,) = erasures(audit.folder)
    (entry,) = read_reviews(audit.folder).entries
    assert (one.at, one.by, one.why, one.checks) == (AT, "Kim", WHY, EVERYWHERE)
    assert {name: stone.had for name, stone in one.files.items()} == {name: before[name] for name in one.files}
    now = {name: digest_file(audit.folder / name) for name, stone in one.files.items() if stone.now}
    assert {name: stone.now for name, stone in one.files.items() if stone.now} == now
    assert len(now) == 6
    assert not any(secret.encode() in entry.line for secret in SECRETS)


def test_said_again_it_writes_nothing_and_more_of_it_can_go(audit):
    erased(audit, {"limited": [PERSON]})
    before = bytes_of(audit.folder)
    assert erased(audit, {"limited": [PERSON]}).entry is None
    assert bytes_of(audit.folder) == before
    erased(audit, {"limited": ["p01", PERSON], "free": []})
    assert [*audit.items("limited").index[:3]] == ["p00", "p02", "p03"]
    erased(audit)
    assert erased(audit, {"limited": ["p02"]}).entry is None
    assert not [*audit.folder.rglob("*.parquet")]
    assert len(read_reviews(audit.folder).entries) == 3
    assert verify_audit(audit.folder).files == 1


def test_an_item_is_counted_once(audit):
    erased(audit, {"limited": [PERSON, PERSON]})
    erased(audit, {"limited": [PERSON, "p08"], "free": [PERSON]})
    told = [one.checks for one in erasures(audit.folder)]
    assert told == [{"limited": [PERSON]}, {"limited": ["p08"], "free": [PERSON]}]


class Otherwise(Repeats):
    """Names what it observes otherwise than its items, and has a table that quotes them."""

    def observe(self, ask, items, role):
        frame = super().observe(ask, items, role)
        return frame.set_axis(pd.Index([f"{one}#1" for one in frame.index], name="id"))

    def judge(self, observed, *, level, rng):
        frame = observed["items"]
        named = frame.set_axis(pd.Index([str(one).removesuffix("#1") for one in frame.index], name="id"))
        made = super().judge({"items": named}, level=level, rng=rng)
        return replace(made, table=named.reset_index())


def test_what_bears_other_names_goes_as_a_whole(tmp_path):
    plan = plan_of(tmp_path)
    audit = run(replace(plan, checks=(replace(plan.checks[1], probe=Otherwise()),)), into=tmp_path / "audits")
    names = {"items/free.parquet", "items/free.table.parquet", "observations/free.items.parquet"}
    assert names <= holders(audit.folder, NUMBER)
    what = erased(audit, {"free": [PERSON]})
    assert {*what.rewritten} == {"items/free.parquet"}
    assert holders(audit.folder, NUMBER) == set()
    assert len(audit.items("free")) == 23
    before = bytes_of(audit.folder)
    assert erased(audit, {"free": [PERSON]}).entry is None
    erased(audit, {"free": ["p01"]})
    assert len(audit.items("free")) == 22
    assert bytes_of(audit.folder).keys() == before.keys()
    assert verify_audit(audit.folder).still == ()


def test_what_is_not_reached_is_named(audit, tmp_path):
    add_reviews(audit, Comment(check="limited", item=PERSON, text="x"), Comment(check="free", text="y"), author="Kim")
    second = run(plan_of(tmp_path, "Second"), into=tmp_path / "audits")
    assert second.run.adopted
    assert execute(["compare", str(audit.folder), str(second.folder), "--format", "markdown"]) != 2
    what = erased(audit, {"limited": [PERSON]}, only_told=True)
    assert dict(what.shared) == {second.folder.name: len(second.run.evidence)}
    assert what.quoted == (f"{second.folder.name}/reports/compare-{audit.record.id}.md",)
    assert dict(what.also) == {"free": (PERSON,), "personal": (PERSON,)}
    assert what.spoken == 1


def test_erased_answers_answer_for_nobody(audit, tmp_path, capsys):
    copy = Path(shutil.copytree(audit.folder / "observed", tmp_path / "backup"))
    erased(audit, {"free": []})
    shutil.copytree(copy, audit.folder / "observed", dirs_exist_ok=True)
    second = run(plan_of(tmp_path, "Second"), into=tmp_path / "audits")
    assert second.run.adopted == {}
    assert second.run.calls_asked > 0
    assert _watched(plan_of(tmp_path, "Told"), audit.folder.parent, fresh=False, show=False).folder == audit.folder
    assert "finished before; evidence of free was erased since; --fresh" in capsys.readouterr().err
    assert [*erasures(audit.folder)]


@pytest.mark.parametrize(("checks", "more", "told"), [
    ({}, {"reason": " \n"}, "erasing needs a reason"), ({"limit": []}, {}, "no check 'limit' in this audit.*limited"),
    ({"limited": ["p99"]}, {}, "check 'limited' has no item 'p99'"),
])  # fmt: skip
def test_what_cannot_be_erased_is_refused(audit, checks, more, told):
    before = bytes_of(audit.folder)
    with pytest.raises(UsageError, match=told):
        erased(audit, checks, **more)
    assert bytes_of(audit.folder) == before


def test_no_tampering_is_erased_and_nobody_erases_under_a_run(audit):
    with (audit.folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another process is at work"):
            erased(audit)
    path = audit.folder / "items" / "free.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    before = bytes_of(audit.folder)
    with pytest.raises(IntegrityError, match=r"items/free.parquet: its bytes are not those that were stored"):
        erased(audit, {"limited": []})
    assert bytes_of(audit.folder) == before


# ---- verifying


def test_it_verifies_and_says_what_cannot_be_judged_again(audit):
    whole = recompute(audit, PROBES)
    erased(audit, {"limited": [PERSON], "personal": []})
    found = verify_audit(audit.folder, judge_again=False)
    assert found.beyond == ("limited", "personal")
    told = [*found.lines()]
    (one,) = erasures(audit.folder)
    what = f"{len(one.files)} files: all of personal, one item of limited: {WHY}"
    assert f"erased on 2026-11-24 by Kim (not signed), {what}" in told
    assert "      cannot be judged again: limited, personal" in told
    assert f"{audit.record.id}: {found.files} files are what was stored" in told
    assert found.files == len(bytes_of(audit.folder)) - len(("run.json", "plan.yaml", "journal", "record", "reviews"))
    assert 0 < recompute(audit, PROBES) < whole
    korean = verification_lines(found, words_of("ko"))
    what = "personal 점검 전체, limited 점검의 항목 1개"
    assert f"삭제: 2026-11-24, Kim(서명 없음), 파일 {len(one.files)}개. {what}. 사유: {WHY}" in korean


def test_an_exploratory_family_keeps_its_level(tmp_path):
    audit = told_audit(tmp_path, exploratory=True)
    probes = {"limited": Repeats(), "free": Repeats(), "personal": PersonalData(max_tokens=8)}
    recompute(audit, probes)
    erased(audit, {"limited": []})
    assert recompute(audit, probes) > 0


def test_a_file_that_is_there_again_is_told_never_read_and_goes(audit, tmp_path):
    copy = Path(shutil.copytree(audit.folder, tmp_path / "backup"))
    erased(audit, {"limited": [PERSON], "personal": []})
    whole = bytes_of(audit.folder)
    for name in ("items/limited.parquet", "items/personal.parquet"):
        shutil.copy(copy / name, audit.folder / name)
    assert items_of(audit.folder, audit.finding("personal")).problem == "erased"
    assert items_of(audit.folder, audit.finding("limited")).problem == "erased"
    found = verify_audit(audit.folder)
    assert found.still == ("items/limited.parquet", "items/personal.parquet")
    assert any("still or again what they were before" in line for line in found.lines())
    with pytest.raises(UsageError, match=r"items/limited.parquet was erased, and is still or again there"):
        export_audit(audit.folder, tmp_path / "a.zip")
    assert erased(audit, {"limited": [PERSON], "personal": []}).entry is None
    assert bytes_of(audit.folder) == whole
    assert verify_audit(audit.folder).still == ()


def _again(folder):
    (folder / "items" / "personal.parquet").write_bytes(b"other bytes")


def _altered(folder):
    path = folder / "items" / "limited.parquet"
    path.write_bytes(path.read_bytes() + b" ")


def _gone(folder):
    (folder / "items" / "limited.parquet").unlink()


def _other_gone(folder):
    (folder / "items" / "free.parquet").unlink()


def _cut_off(folder):
    (folder / REVIEWS_FILE).write_bytes(b"")


def _forged(change):
    def forge(folder):
        """Rewrite the entry as its owner could, with the digests of the chain right."""
        entry = json.loads((folder / REVIEWS_FILE).read_bytes())
        change(entry["says"])
        (folder / REVIEWS_FILE).write_bytes(canonical(entry) + b"\n")

    return forge


def _other_digest(says):
    says["files"]["items/personal.parquet"]["had"] = f"sha256:{'0' * 64}"


def _no_such_file(says):
    says["files"]["plan.yaml"] = {"had": f"sha256:{'0' * 64}"}


def _other_check(says):
    says["checks"]["free"] = []


def _left_out(says):
    del says["files"]["items/personal.parquet"]


def _not_so(says):
    says["files"]["items/limited.parquet"]["now"] = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(("tamper", "told"), [
    (_again, "items/personal.parquet: erased, and there again with other bytes"),
    (_altered, "items/limited.parquet: erased, and there again with other bytes"),
    (_gone, "items/limited.parquet: missing"), (_other_gone, "items/free.parquet: missing"),
    (_cut_off, "limited.items.parquet: its bytes are not those that were stored"),
    (_forged(_other_digest), "tells of items/personal.parquet with the digest sha256:0+, as erased"),
    (_forged(_no_such_file), "tells of plan.yaml"), (_forged(_other_check), "tells of other checks as erased"),
    (_forged(_left_out), "items/personal.parquet: missing"), (_forged(_not_so), "there again with other bytes"),
])  # fmt: skip
def test_tampering_is_still_tampering(audit, tamper, told, capsys):
    erased(audit, {"limited": [PERSON], "personal": []})
    verify_audit(audit.folder)
    tamper(audit.folder)
    with pytest.raises(IntegrityError, match=told):
        verify_audit(audit.folder)
    assert execute(["verify", str(audit.folder)]) == 4


@pytest.mark.parametrize("name", ["reports/../plan.yaml", "reports/../../../mine.txt"])
def test_no_entry_leads_the_next_erasure_out_of_the_audit(audit, tmp_path, name):
    """Reviews come out of a database, too: whoever writes there could name files that are others'."""
    (mine := tmp_path / "mine.txt").write_text("mine")
    erased(audit, {"free": []})
    audit.report("html")
    had = digest_file(audit.folder / name)
    _forged(lambda says: says["files"].update({name: {"had": had}}))(audit.folder)
    with pytest.raises(IntegrityError, match="lies in the audit's folder"):
        erased(audit, {"personal": []})
    assert mine.exists()
    assert (audit.folder / "plan.yaml").exists()


def test_of_rows_that_are_left_it_is_told_on_whose_word_they_stand(audit):
    """Nothing but the entry says that no other row went in its place, and that those that stay are as they were."""
    erased(audit, {"limited": [PERSON]})
    (first,) = verify_audit(audit.folder).erased
    path = audit.folder / "items" / "limited.parquet"
    frame = pd.read_parquet(path)
    frame.assign(text="nothing to see").to_parquet(path)
    _forged(lambda says: says["files"]["items/limited.parquet"].update(now=digest_file(path)))(audit.folder)
    told = [*verify_audit(audit.folder).lines()]
    assert f"      what is left of {first.left} of the files stands on the word of this entry" in told
    assert first.left == 2
    alone = "this audit is not sealed: whether other items went or were changed, this entry alone tells"
    assert f"      {alone}" in told


def test_a_signed_tombstone_cannot_be_rewritten(audit, tmp_path):
    make_key(tmp_path / "kim")
    erased(audit, key=read_key(tmp_path / "kim"))
    assert any("by Kim (signed)" in line for line in verify_audit(audit.folder).lines())
    _forged(lambda says: says.update(reason="nothing to see"))(audit.folder)
    with pytest.raises(IntegrityError, match="the signature of 'Kim' does not hold"):
        verify_audit(audit.folder)


# ---- seal, bundle, reviews


def test_a_seal_of_before_holds_for_what_is_there(audit, tmp_path):
    make_key(tmp_path / "kim")
    key = read_key(tmp_path / "kim")
    (report,) = audit.report("html")
    _overridden(audit, {f"p{at:02}": 0.0 for at in range(24)})
    seal_audit(audit, key, "Kim", at=AT)
    sealed = verify_audit(audit.folder, [key.public]).seal.files
    _overridden(audit, {f"p{at:02}": 1.0 for at in range(20)})
    assert state_of(audit).verdict == "failed"
    with pytest.raises(UsageError, match="the audit is sealed: what is erased of it is signed"):
        erased(audit, {"limited": [PERSON]})
    what = erased(audit, {"limited": [PERSON], "personal": []}, key=key)
    assert state_of(audit).verdict == "failed"
    assert not report.exists()
    audit.report("html")
    found = verify_audit(audit.folder, [key.public])
    assert found.seal.erased == len(what.gone) + len(what.rewritten)
    assert found.seal.files == sealed - found.seal.erased
    assert f"      sealed files that were erased since: {found.seal.erased}" in [*found.lines()]
    (audit.folder / "items" / "free.parquet").write_bytes(b"")
    with pytest.raises(IntegrityError, match="free"):
        verify_audit(audit.folder)


def test_nobody_changes_what_is_sealed_by_telling_of_an_erasure(audit, tmp_path):
    """Rows that stay could be others: nothing but the entry says that they were among those that were sealed."""
    make_key(tmp_path / "kim")
    seal_audit(audit, read_key(tmp_path / "kim"), "Kim", at=AT)
    seal = (audit.folder / SEAL_FILE).read_bytes()
    (audit.folder / SEAL_FILE).unlink()
    erased(audit, {"limited": [PERSON]})
    (audit.folder / SEAL_FILE).write_bytes(seal)
    with pytest.raises(IntegrityError, match="erases what is sealed, and nobody signed it"):
        verify_audit(audit.folder)


def test_what_a_strange_key_erases_under_a_seal_is_told_and_refused_where_keys_are_named(audit, tmp_path, capsys):
    """Whoever writes here can make a key of their own: its word is not the sealer's."""
    for name in ("kim", "mallory"):
        make_key(tmp_path / name)
    kim, mallory = (read_key(tmp_path / name) for name in ("kim", "mallory"))
    seal_audit(audit, kim, "Kim", at=AT)
    erased(audit, {"limited": [PERSON]}, key=mallory)
    known = {kim.public.fingerprint: "Kim"}
    found = verify_audit(audit.folder, known=known)
    assert f"      signed with a key that nobody vouches for, {mallory.public.fingerprint}" in [*found.lines()]
    assert (trust_in(found).state, trust_in(found).key) == ("unsealed", mallory.public.fingerprint)
    chip = chip_of(trust_in(found), words_of("en"))
    assert (chip.word, "erased since with a key that nobody" in chip.told) == ("Erased with an unknown key", True)
    with pytest.raises(IntegrityError, match="erases what is sealed, signed with the key"):
        verify_audit(audit.folder, [kim.public])
    both = {**known, mallory.public.fingerprint: "Mallory"}
    for found in (verify_audit(audit.folder, [kim.public], known=both), verify_audit(audit.folder, known=both)):
        assert f"      signed with the key of Mallory, {mallory.public.fingerprint}" in [*found.lines()]
        assert trust_in(found).state == "sealed"
        assert "Evidence was erased from it" in chip_of(trust_in(found), words_of("en")).told
    policy = tmp_path / "policy.yaml"
    for keys, code in (([kim], 1), ([kim, mallory], 0)):
        named = ", ".join(f'"{key.public.fingerprint}"' for key in keys)
        policy.write_text(f"title: P\nplan_limits: false\nsealed_by: [{named}]\n")
        assert execute(["judge", str(audit.folder), "--policy", str(policy)]) == code
        strange = f"erased since with the key {mallory.public.fingerprint}, which the policy does not name"
        assert (strange in " ".join(capsys.readouterr().out.split())) is bool(code)


def test_a_bundle_holds_what_is_left_and_is_imported(audit, tmp_path):
    erased(audit, EVERYWHERE)
    export_audit(audit.folder, tmp_path / "a.zip")
    assert not any(secret.encode() in (tmp_path / "a.zip").read_bytes() for secret in SECRETS)
    told = []
    folder = import_audit(tmp_path / "a.zip", tmp_path / "in", told=told.append)
    assert told[0].beyond == ("limited", "free", "personal")
    assert bytes_of(folder) == {
        name: data for name, data in bytes_of(audit.folder).items() if not name.startswith("reports/")
    }


def _overridden(audit, outcomes, **more):
    says = [Override(check="limited", item=item, value=value, **more) for item, value in outcomes.items()]
    add_reviews(audit, *says, author="Lee", at=AT)


@pytest.mark.parametrize("checks", [{}, {"limited": [PERSON]}], ids=["all of it", "one item"])
def test_numbers_and_verdicts_after_review_stay_and_words_too(audit, checks):
    """People found all right, a verdict that the items could not give any more."""
    _overridden(audit, {"p02": 0.0, PERSON: 0.0}, reason="seen")
    some = state_of(audit)
    assert some.reviewed["limited"].informs
    _overridden(audit, {f"p{at:02}": 0.0 for at in range(24) if at not in (2, 7)})
    before, reasoned = state_of(audit), state_of(audit, with_reason=True)
    assert (audit.record.verdict, before.verdict, reasoned.verdict) == ("failed", "passed", "failed")
    erased(audit, checks)
    after = state_of(audit)
    assert after.verdict == "passed"
    assert after.reviewed["limited"].finding == before.reviewed["limited"].finding
    assert after.reviewed["limited"].measure == before.reviewed["limited"].measure
    assert after.calls == before.calls
    again = state_of(audit, with_reason=True)
    assert again.verdict == "failed"
    assert again.reviewed["limited"].measure == reasoned.reviewed["limited"].measure
    with pytest.raises(UsageError, match="erased"):
        _overridden(audit, {"p01": 1.0})
    with pytest.raises(UsageError, match="erased"):
        add_reviews(audit, Override(check="limited", item="p01", word="taken back"), author="Lee")
    add_reviews(audit, Comment(check="limited", text="the evidence is gone"), author="Lee")


def _passes(kept):
    kept["after"] = {"verdict": "passed", "why": "All is well."}


def _passes_unread(kept):
    _passes(kept)
    kept["problem"] = "items_missing"


def _other_numbers(kept):
    kept["after"]["measures"][0] |= {"name": "other"}


def _no_result(kept):
    kept["after"] = {"measures": 3}


@pytest.mark.parametrize("change", [_passes, _passes_unread, _other_numbers, _no_result])
def test_a_kept_result_says_no_more_than_its_number(audit, change, capsys):
    _overridden(audit, {"p02": 0.0})
    erased(audit, {"limited": []})
    told = "results after review that stand on the word of this entry: limited"
    assert f"      {told}" in verify_audit(audit.folder).lines()
    path = audit.folder / REVIEWS_FILE
    first, second = path.read_bytes().splitlines(keepends=True)
    entry = json.loads(second)
    change(entry["says"]["kept"][0])
    path.write_bytes(first + canonical(entry) + b"\n")
    for words in ("report", "verify", "review --list"):
        assert execute([words.split()[0], str(audit.folder), *words.split()[1:]]) == 4
        assert "kept in an erasure, does not follow from its number" in capsys.readouterr().err


def test_no_other_entry_tells_what_a_check_came_to(audit):
    """A result is kept of what goes, and as it goes: neither of another check nor once more."""
    _overridden(audit, {f"p{at:02}": 0.0 for at in range(24)})
    passed = state_of(audit).reviewed["limited"].measure
    erased(audit, {"limited": []})
    kept = read_reviews(audit.folder).entries[-1].says.kept
    erased(audit, {"free": []})
    path = audit.folder / REVIEWS_FILE
    *before, last = path.read_bytes().splitlines(keepends=True)
    entry, more = json.loads(last), json.loads(before[-1])["says"]["kept"]
    more[0]["after"]["measures"][0]["high"] = 0.29
    entry["says"]["kept"] = more
    path.write_bytes(b"".join(before) + canonical(entry) + b"\n")
    assert len(kept) == 1
    assert state_of(audit).reviewed["limited"].measure == passed


class Numbered(Repeats):
    """Items with the same last digit belong together."""

    def judge(self, observed, *, level, rng):
        made = super().judge(observed, level=level, rng=rng)
        items = made.items.assign(unit=made.items.index.astype(str).str[-1])
        mean = mean_over_units(items["value"].to_numpy(), items["unit"].to_numpy(object), level=level, rng=rng)
        told = {name: getattr(mean, name) for name in ("value", "low", "high", "n", "method")}
        return replace(made, measures=(replace(made.measures[0], unit_of="unit", **told),), items=items)


@pytest.mark.parametrize("checks", [{}, {"numbered": [PERSON]}], ids=["all of it", "one item"])
def test_how_far_people_agree_on_items_that_were_erased_is_told(tmp_path, checks):
    plan = plan_of(tmp_path)
    numbered = replace(plan.checks[1], name="numbered", probe=Numbered())
    audit = run(replace(plan, checks=(numbered,)), into=tmp_path / "audits")
    assert audit.finding("numbered").headline.unit_of == "unit"
    for author, words in (("Lee", ("right", "wrong", "right")), ("Park", ("right", "wrong", "wrong"))):
        calls = zip(("p01", PERSON, "p02"), words, strict=True)
        add_reviews(audit, *(Override(check="numbered", item=item, word=word) for item, word in calls), author=author)
    (before,) = agreements(audit, "numbered", state_of(audit).calls["numbered"])
    erased(audit, checks)
    (after,) = agreements(audit, "numbered", state_of(audit).calls["numbered"])
    assert (after.kappa.value, after.differ) == (before.kappa.value, before.differ)


def test_a_rest_that_gives_the_same_mean_by_chance_gives_no_number(tmp_path):
    """Of outcomes that are all alike the rest has the mean of all; a number over fewer items is another one."""
    audit = told_audit(tmp_path, stay=0.01)
    assert audit.finding("limited").headline.value in (0.0, 1.0)
    erased(audit, {"limited": [PERSON]})
    with pytest.raises(UsageError, match="cannot be overridden: items of the check were erased"):
        _overridden(audit, {"p00": 0.5})


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_of_reviews_carries_the_tombstone_to_other_copies(audit, tmp_path, monkeypatch, kind, request):
    other = load_record(shutil.copytree(audit.folder, tmp_path / "elsewhere" / audit.folder.name))
    server = kind == "postgresql"
    place = fresh_database(request.getfixturevalue("postgres_server")) if server else str(tmp_path / "r.sqlite")
    monkeypatch.setenv(REVIEWS, place)
    erased(audit, EVERYWHERE)
    assert pull_reviews(other) == 1
    found = verify_audit(other.folder)
    assert len(found.still) > 6
    assert other.items("limited") is None
    assert erased(other, EVERYWHERE).entry is None
    assert bytes_of(other.folder) == bytes_of(audit.folder)


@pytest.mark.parametrize("checks", [{}, EVERYWHERE], ids=["all of it", "one person's items"])
def test_no_rule_and_no_clause_asks_for_less_or_more(audit, checks, tmp_path, capsys):
    """People found worse than the machine did: an audit that lost its items must not pass for it."""
    make_key(tmp_path / "kim")
    _overridden(audit, {f"p{at:02}": 1.0 for at in range(24)}, reason="seen")
    add_reviews(audit, Decision(decision="approved"), author="Kim")
    seal_audit(audit, read_key(tmp_path / "kim"), "Kim", at=AT)
    policy = tmp_path / "policy.yaml"
    limits = "limits: [{measure: repeat_share, at_most: 0.85}]"
    policy.write_text(f"title: P\nplan_limits: false\noverrides: with_reason\n{limits}\n")

    def judged():
        code = execute(["judge", str(audit.folder), "--policy", str(policy)])
        return code, capsys.readouterr().out, facts_of(audit)

    before = judged()
    assert before[0] == 1
    erased(audit, checks, key=read_key(tmp_path / "kim"))
    assert judged() == before


# ---- readers


def test_every_document_is_made_and_names_files_that_are_there(audit, tmp_path):
    make_key(tmp_path / "kim")
    erased(audit, {**EVERYWHERE, "free": []})
    seal_audit(audit, read_key(tmp_path / "kim"), "Kim", at=AT)
    here = {digest_file(path) for path in audit.folder.rglob("*") if path.is_file()}
    for name in (one for one in plugins.names("reports") if "pdf" not in one):  # which print the same pages
        for file, data in plugins.load("reports", name)(audit).items():
            assert not any(secret.encode() in data for secret in SECRETS), file
            if name in ("cyclonedx", "oscal"):
                gone = {one.had for told in erasures(audit.folder) for one in told.files.values()}
                named = set(re.findall(r"sha256:[0-9a-f]{64}", data.decode()))
                assert not named & gone
                assert len(named & here) >= 4


def test_documents_say_it_in_the_place_of_the_texts(audit):
    assert any(NUMBER.encode() in data for data in documents(audit).values())
    erased(audit, {"limited": [PERSON], "personal": [], "free": []})
    made = documents(audit)
    assert not any(secret.encode() in data for data in made.values() for secret in SECRETS)
    for name in ("report.html", "report.md"):
        english, korean = (" ".join(made[f"{lang} {name}"].decode().split()) for lang in ("en", "ko"))
        english = english.replace("\\", "")
        assert f"1 item was erased on 2026-11-24 by Kim: {WHY}" in english
        assert english.count(f"Erased on 2026-11-24 by Kim: {WHY}") == 2
        day = Notation(words_of("ko")).day(AT.date())
        assert korean.replace("\\", "").count(f"{day}에 삭제됨. 삭제한 사람 Kim. 사유: {WHY}") == 3
    twin = json.loads(made["en report.json"])
    assert twin["items"] == {"limited": 23, "free": None, "personal": None}
    told = {"at": AT.isoformat(), "by": "Kim", "why": WHY}
    items = {"limited": [PERSON], "free": None, "personal": None}
    assert twin["erased"] == {check: [{**told, "items": ids}] for check, ids in items.items()}


def test_a_picture_of_the_items_that_are_left_says_so_and_one_of_measures_does_not(audit):
    def of_items(shown):
        return None if shown.items is None else Picture(Markup("<svg/>"), "Bars.")

    figure = FindingFigure(draw=(of_items, lambda shown: Picture(Markup("<g/>"), f"{len(shown.finding.measures)}.")))
    finding = next(one for one in audit.record.findings if one.check == "limited")
    whole = [one.caption for one in figure.of(audit, finding, Notation(words_of("en")))]
    assert whole == ["Bars.", f"{len(finding.measures)}."]
    erased(audit, {"limited": [PERSON]})
    items, measures = (one.caption for one in figure.of(audit, finding, Notation(words_of("en"))))
    assert items.startswith("Bars. Items were erased since: it is drawn from those that are left")
    assert measures == whole[1]
    erased(audit, {"limited": []})
    assert [one.caption for one in figure.of(audit, finding, Notation(words_of("en")))] == whole[1:]


def test_two_audits_are_compared_by_their_intervals(audit, tmp_path):
    second = told_audit(tmp_path / "b", stay=0.3)
    paired = compare_audits(audit, second).checks
    assert all(one.deciding.paired for one in paired if one.check != "personal")
    erased(audit, {"limited": [PERSON], "free": []})
    found = compare_audits(audit, second)
    for one in found.checks:
        assert one.deciding.a == next(other.deciding.a for other in paired if other.check == one.check)
        assert bool(one.erased) is (one.check != "personal")
        assert not (one.erased and one.deciding.paired)
    told = {one["check"]: one.get("erased") for one in found.as_json()["checks"]}
    assert told["free"] == [{"side": "A", "at": "2026-11-24T10:03:00Z", "by": "Kim", "why": WHY, "items": None}]
    assert told["personal"] is None


def test_the_index_forgets(audit, tmp_path):
    index = Catalogue(tmp_path / "audits", str(tmp_path / "index.sqlite"))
    for there in ([audit.folder.name], []):
        index.refresh()
        index.read_items()
        assert index.names(Asked(search=NUMBER)) == there
        erased(audit, EVERYWHERE)


# ---- the command


def test_the_command_says_first_what_goes(audit, capsys, tmp_path):
    name, before = str(audit.folder), bytes_of(audit.folder)
    for words in ([], ["--all", "--check", "free"]):
        assert execute(["erase", name, "--why", WHY, *words]) == 2
        assert "allowed: --check NAME, --item CHECK:ID, or --all" in capsys.readouterr().err
    assert execute(["erase", name, "--all"]) == 2
    assert "erasing needs a reason" in capsys.readouterr().err
    assert execute(["erase", name, "--why", WHY, "--item", "p07"]) == 2
    assert "--item p07: allowed: CHECK:ID; checks: free, limited, personal" in capsys.readouterr().err
    asked = ["--item", f"limited:{PERSON}", "--check", "personal"]
    assert execute(["erase", name, "--why", WHY, "--dry-run", *asked]) == 0
    told = capsys.readouterr().out
    assert "  rows of limited that quote an item (a neighbour, a passage, a corpus): erase these with --check\n" in told
    assert bytes_of(audit.folder) == before
    assert "would erase 1 item of limited, all of personal: " in told
    assert "  items/limited.parquet: loses rows\n" in told
    assert "  items/personal.parquet: goes\n" in told
    assert "nothing was erased (--dry-run)\nnot reached:\n  check free of this audit has the same items: p07\n" in told
    assert execute(["erase", name, "--why", WHY, "--author", "Kim", "--check", "personal", "--dry-run"]) == 0
    assert "would erase all of personal: " in capsys.readouterr().out
    assert execute(["erase", name, "--why", WHY, "--by", "Kim", "--check", "personal", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["checks"] == {"personal": []}
    assert found["entry"] == json.loads((audit.folder / REVIEWS_FILE).read_bytes())
    assert sorted(found["gone"]) == sorted({*before} - {*bytes_of(audit.folder)})
    assert execute(["review", name, "--list"]) == 0
    assert f"Kim on the audit: erased personal, reason {WHY}, files {len(found['gone'])}" in capsys.readouterr().out
    assert execute(["verify", name, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(one["by"], one["why"], one["checks"]) for one in told["erased"]] == [("Kim", WHY, {"personal": []})]
    assert digest_file(audit.folder / RECORD_FILE) == sha256(before[RECORD_FILE])


# ---- screens


@pytest.fixture
def home(audit, tmp_path, monkeypatch):
    monkeypatch.setenv(AUDITS, str(tmp_path / "audits"))
    return audit


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_screens_say_it_in_the_place_of_the_texts(home, lang):
    place, words = {"audit": home.folder.name, "lang": lang}, words_of(lang)
    assert NUMBER in seen(screen(screen="item", check="limited", item=8, **place))
    erased(home, {"limited": [PERSON], "personal": []})
    told = {
        check: words(key, count=1, day=Notation(words).day(AT.date()), author="Kim", why=WHY)
        for check, key in (("limited", "note.erased_items"), ("personal", "note.erased"))
    }
    left, gone = {"check": "limited"}, {"check": "personal"}
    for asked in (left, {**left, "item": 2}, gone, {**gone, "item": 8}):
        page = seen(screen(screen="item" if "item" in asked else "finding", **asked, **place))
        assert told[asked["check"]] in page
        assert not any(secret in page for secret in SECRETS)
    assert NUMBER not in seen(screen(screen="item", check="limited", item=8, **place))
    verified = seen(screen(screen="verify", **place))
    assert WHY in verified


def test_no_random_check_is_offered_of_what_is_left(home):
    offered, place = words_of("en")("form.sample_told")[:60], {"screen": "finding", "audit": home.folder.name}
    assert all(offered in seen(screen(check=check, **place)) for check in ("limited", "free"))
    erased(home, {"limited": [PERSON]})
    assert offered not in seen(screen(check="limited", **place))
    assert offered in seen(screen(check="free", **place))


def test_the_screen_of_two_says_of_which(home, tmp_path):
    second = told_audit(tmp_path, stay=0.3)
    erased(home, {"limited": []})
    page = seen(screen(screen="compare", audit=home.folder.name, other=second.folder.name))
    assert f"A: Erased on 2026-11-24 by Kim: {WHY}" in page
    assert "B: Erased" not in page
