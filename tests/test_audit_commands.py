"""The commands of people's part: review, keygen, seal, verify, export, import; one line for what is wrong."""

import json
import subprocess
import sys
from dataclasses import asdict

import pytest
from review_fixtures import small_audit

from audit.cli.app import main
from audit.signing.keyring import KEYS
from dashboard.trust import verified


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return small_audit(tmp_path_factory.mktemp("made"))


@pytest.fixture
def dokimasia(made, tmp_path, monkeypatch, capsys):
    """The command in a folder with one audit; returns what it prints, and expects an exit code."""
    import shutil

    shutil.copytree(made.folder, tmp_path / "audits" / made.folder.name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "kim")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("DOKIMASIA_KEY", raising=False)
    monkeypatch.delenv(KEYS, raising=False)

    def command(*words, code=0):
        monkeypatch.setattr(sys, "argv", ["dokimasia", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        assert (left.value.code or 0) == code, out + err
        if code:
            assert len(err.splitlines()) == 1, err
            assert out == ""
        return out + err

    command.audit = made.folder.name
    command.folder = tmp_path / "audits" / made.folder.name
    return command


def review(command, *words, **more):
    return command("review", command.audit, *words, **more)


def test_one_command_may_say_several_things(dokimasia):
    said = {"check": "limited", "rate": "high", "owner": "Lee", "action": "Train", "due": "2026-12-01"}
    said["comment"] = "Look"
    review(dokimasia, *(word for name, text in said.items() for word in (f"--{name}", text)))
    state = json.loads(review(dokimasia, "--json"))
    (found,) = state["targets"]
    assert (found["check"], found["rating"], found["owner"], found["action"], found["due"]) == (
        "limited", "high", "Lee", "Train", "2026-12-01"
    )
    assert found["comments"][0]["author"] == "kim", "the login name, where git says nothing"
    entries = json.loads(review(dokimasia, "--list", "--json"))["entries"]
    assert [one["says"]["kind"] for one in entries] == ["comment", "rating", "owner", "action", "due"]
    assert "comment Look (not signed)" in review(dokimasia, "--list")


def test_a_word_that_rests_on_what_others_changed_is_told_and_said_anew(dokimasia):
    said = review(dokimasia, "--owner", "Lee", "--check", "limited", "--author", "Lee", "--seen", "none")
    head = said.split("the last entry is ")[1].partition(";")[0]
    assert head in review(dokimasia), "who looks is told on what they stand"
    review(dokimasia, "--owner", "Park", "--check", "limited", "--author", "Park")
    late = ("--owner", "Kim", "--check", "limited", "--author", "Kim", "--seen")
    told = review(dokimasia, *late, head, code=2)
    assert "not written: meanwhile Park said of limited: owner Park; look again" in told
    assert "not written: meanwhile Park" in review(dokimasia, *late, head[:20], code=2)
    assert "allowed: none, or at least 8 of the digits" in review(dokimasia, *late, "yesterday", code=2)
    now = review(dokimasia).split("the last entry is ")[1].partition(";")[0]
    assert "owner Kim" in review(dokimasia, *late, now)


def test_reviews_in_a_database_reach_every_command(dokimasia, tmp_path, monkeypatch):
    import shutil

    shutil.copytree(dokimasia.folder, tmp_path / "other" / dokimasia.audit)
    there = ("--into", "other")
    review(dokimasia, "--comment", "before", "--author", "Kim")
    monkeypatch.setenv("DOKIMASIA_REVIEWS", str(tmp_path / "reviews.sqlite"))
    assert "--sync' gives it those" in review(dokimasia, "--comment", "x", code=2)
    assert "0 entries came from the database, 1 went there" in review(dokimasia, "--sync")
    assert "--list and --sync say nothing" in review(dokimasia, "--sync", "--comment", "x", code=2)
    for command, *words in (["verify"], ["export", "--out", "a.zip"], ["report", "--format", "json"]):
        (tmp_path / "other" / dokimasia.audit / "reviews.jsonl").unlink(missing_ok=True)
        dokimasia(command, dokimasia.audit, *words, *there)
        assert (tmp_path / "other" / dokimasia.audit / "reviews.jsonl").is_file(), command
    review(dokimasia, "--comment", "after", *there, "--author", "Lee")
    dokimasia("keygen", "kim")
    dokimasia("seal", dokimasia.audit, "--key", "kim")
    assert "reviews: 2 entries" in dokimasia("verify", dokimasia.audit)
    monkeypatch.setenv("DOKIMASIA_REVIEWS", str(tmp_path / "nowhere" / "reviews.sqlite"))
    for words in (["review", dokimasia.audit], ["verify", dokimasia.audit], ["judge", dokimasia.audit]):
        dokimasia(*words, code=5)


def test_from_a_failed_audit_to_a_signed_and_sealed_decision(dokimasia, tmp_path):
    for name in ("kim", "lee"):
        assert "sha256:" in dokimasia("keygen", name)
    review(dokimasia, "--waive", "limited", "--reason", "pilot only", "--until", "2099-12-31", "--author", "Kim")
    review(dokimasia, "--ask", "--two-person", "--author", "Kim", "--key", "kim")
    assert "another person" in review(dokimasia, "--approve", "--author", "Kim", "--key", "kim", code=2)
    said = review(dokimasia, "--approve", "--author", "Lee", "--key", "lee")
    assert "approved; approval needs a second person; failed, after review measured" in said
    dokimasia("report", dokimasia.audit)
    dokimasia("seal", dokimasia.audit, "--key", "kim", "--author", "Kim")
    done = json.loads(dokimasia("verify", dokimasia.audit, "--public", "kim.pub", "--json"))
    assert (done["reviews"], done["signed"], done["known"], done["seal"]["known"]) == (3, 2, 1, True)
    assert "key given is" in dokimasia("verify", dokimasia.audit, "--public", "lee.pub", code=4)
    dokimasia("export", dokimasia.audit, "--out", "audit.zip")
    assert "with the key that was given" in dokimasia("verify", "audit.zip", "--public", "kim.pub")
    dokimasia("import", "audit.zip", "--into", "other")
    dokimasia("verify", dokimasia.audit, "--into", "other", "--public", "kim.pub")
    data = bytearray((tmp_path / "audit.zip").read_bytes())
    data[len(data) // 2] ^= 8
    (tmp_path / "audit.zip").write_bytes(data)
    assert "not a whole bundle" in dokimasia("verify", "audit.zip", code=4)
    assert "not a whole bundle" in dokimasia("import", "audit.zip", "--into", "third", code=4)
    assert not (tmp_path / "third").exists()


def test_verify_knows_the_keys_that_the_dashboard_knows(dokimasia, tmp_path, monkeypatch):
    for name in ("kim", "lee"):
        dokimasia("keygen", name)
    review(dokimasia, "--ask", "--author", "Kim", "--key", "kim")
    dokimasia("seal", dokimasia.audit, "--key", "kim", "--author", "Whoever")
    dokimasia("export", dokimasia.audit, "--out", "audit.zip")
    for folder, names in {"none": {}, "lees": {"lee": "Lee"}, "both": {"lee": "Lee", "kim": "Kim Minji"}}.items():
        (tmp_path / folder).mkdir()
        for key, name in names.items():
            (tmp_path / folder / f"{name}.pub").write_bytes((tmp_path / f"{key}.pub").read_bytes())

    def told(*words, of=dokimasia.audit, code=0):
        return dokimasia("verify", of, *words, code=code)

    assert "with a key that nobody vouches for" in told()
    for folder in ("none", "lees"):
        monkeypatch.setenv(KEYS, str(tmp_path / folder))
        said = told()
        assert "with a key that nobody vouches for" in said, "told, not refused"
        assert "--public and DOKIMASIA_KEYS name keys" in said
    monkeypatch.setenv(KEYS, str(tmp_path / "both"))
    for said in (told(), told(of="audit.zip"), dokimasia("import", "audit.zip", "--into", "other")):
        assert "unchanged since Whoever sealed them" in said
        assert "with the key of Kim Minji, sha256:" in said
        assert "reviews: 1 entry; 1 signed, 1 by a known key" in said
    assert dokimasia("review", dokimasia.audit).splitlines()[0].endswith("; 1 entry")
    done = json.loads(told("--json"))
    assert (done["known"], done["seal"]["known"], done["seal"]["owner"]) == (1, True, "Kim Minji")
    assert done == json.loads(json.dumps(asdict(verified(dokimasia.folder))))
    assert "key given is" in told("--public", "lee.pub", code=4), "a key that is named must have signed"
    monkeypatch.setenv(KEYS, "nowhere")
    assert "DOKIMASIA_KEYS=nowhere: not a folder" in told(code=2)


def test_a_key_that_signs_here_is_known_where_somebody_is_named(dokimasia, tmp_path, monkeypatch):
    dokimasia("keygen", "kim")
    dokimasia("seal", dokimasia.audit, "--key", "kim", "--author", "Kim")
    for name, said in (("Kim Here", "with the key of Kim Here"), ("", "with a key that nobody vouches for")):
        key = tmp_path / f"key of {name}"
        key.write_bytes((tmp_path / "kim").read_bytes())
        key.chmod(0o600)
        monkeypatch.setenv("DOKIMASIA_KEY", str(key))
        monkeypatch.setenv("USER", name)
        monkeypatch.delenv("LOGNAME", raising=False)
        assert said in dokimasia("verify", dokimasia.audit)


def test_import_tells_what_verify_tells_and_takes_a_key(dokimasia):
    for name in ("kim", "lee"):
        dokimasia("keygen", name)
    dokimasia("export", dokimasia.audit, "--out", "plain.zip")
    assert "there is no seal" in dokimasia("import", "plain.zip", "--into", "other", "--public", "kim.pub", code=4)
    dokimasia("report", dokimasia.audit)
    dokimasia("seal", dokimasia.audit, "--key", "kim")
    dokimasia("export", dokimasia.audit, "--out", "sealed.zip")
    assert "key given is" in dokimasia("import", "sealed.zip", "--into", "other", "--public", "lee.pub", code=4)
    told = dokimasia("import", "sealed.zip", "--into", "other", "--public", "kim.pub")
    assert told.splitlines()[0] == f"other/{dokimasia.audit}"
    assert told.splitlines()[1:] == dokimasia("verify", f"other/{dokimasia.audit}", "--public", "kim.pub").splitlines()
    assert "with the key that was given" in told
    assert "sealed documents that are not here, and can be made again: 1" in told


def test_a_record_that_is_gone_under_a_seal_is_4(dokimasia):
    record = dokimasia.folder / "record.json"
    data = record.read_bytes()
    record.unlink()
    assert "no audit" in dokimasia("verify", dokimasia.audit, code=2), "it may not have been finished"
    record.write_bytes(data)
    dokimasia("keygen", "kim")
    dokimasia("seal", dokimasia.audit, "--key", "kim")
    record.unlink()
    for name in (dokimasia.audit, str(dokimasia.folder)):
        for key in ((), ("--public", "kim.pub")):
            assert "record.json: missing" in dokimasia("verify", name, *key, code=4)


def test_the_head_of_the_list_is_printed_and_held_against(dokimasia):
    head = review(dokimasia, "--comment", "a").split("the last entry is ")[1].partition(";")[0]
    dokimasia("verify", dokimasia.audit, "--expect", head, "--expect-entries", "1")
    assert "expected are at least 2" in dokimasia("verify", dokimasia.audit, "--expect-entries", "2", code=4)
    assert "taken off the end" in dokimasia("verify", dokimasia.audit, "--expect", "0" * 8, code=4)
    assert "at least 8 of the digits" in dokimasia("verify", dokimasia.audit, "--expect", "yes", code=2)


def test_a_report_that_changes_under_a_seal_is_told(dokimasia):
    dokimasia("keygen", "kim")
    dokimasia("report", dokimasia.audit)
    dokimasia("seal", dokimasia.audit, "--key", "kim")
    assert "sealed" not in dokimasia("report", dokimasia.audit)
    dokimasia("verify", dokimasia.audit)
    review(dokimasia, "--comment", "later")
    assert "added after the seal: 1" in dokimasia("verify", dokimasia.audit)
    assert "'dokimasia seal --again' seals anew" in dokimasia("report", dokimasia.audit)
    assert "reports/report.html: not the bytes that were sealed" in dokimasia("verify", dokimasia.audit, code=4)
    dokimasia("seal", dokimasia.audit, "--key", "kim", "--again")
    dokimasia("verify", dokimasia.audit)


def test_a_waiver_whose_last_day_is_gone_is_told_as_past(dokimasia):
    waived = review(dokimasia, "--waive", "limited", "--reason", "x", "--until", "2999-12-31")
    assert "status waived until 2999-12-31\n" in waived
    gone = review(dokimasia, "--waive", "limited", "--reason", "x", "--until", "2020-01-01")
    assert "status waived until 2020-01-01, which is past\n" in gone
    assert "; failed; 2 entries" in gone, "as if there were none"


def test_overrides_stand_beside_the_machine(dokimasia):
    import pandas as pd

    items = pd.read_parquet(dokimasia.folder / "items" / "limited.parquet")
    item = items.loc[items["value"] == 1.0, "id"].iloc[0]
    review(dokimasia, "--check", "limited", "--override", f"{item}=0", "--reason", "seen")
    after = json.loads(review(dokimasia, "--json"))["reviewed"]["limited"]
    assert after["machine"]["measure"]["value"] == pytest.approx(36 / 81)
    assert after["after"]["measure"]["value"] == pytest.approx(35 / 81)
    assert (after["items"][0]["machine"], after["items"][0]["reviewed"]) == (1.0, 0.0)
    assert "1 items overridden; failed by the machine" in review(dokimasia)
    review(dokimasia, "--check", "limited", "--override", f"{item}=machine", "--reason", "mistaken")
    assert json.loads(review(dokimasia, "--json"))["reviewed"] == {}


def test_a_random_check_is_drawn_looked_at_and_told(dokimasia):
    import pandas as pd

    told = review(dokimasia, "--check", "limited", "--sample", "30")
    assert "limited: random check of 30 of 81 items not looked at before: 0 looked at, 0 changed; still to be" in told
    assert "and 10 more (--list)" in told
    check = json.loads(review(dokimasia, "--json"))["reviewed"]["limited"]["random_check"]
    assert (check["drawn"], check["rest"], check["looked"], check["items"]) == (30, 81, 0, check["left"])
    assert f"still to be looked at of limited: {', '.join(check['left'])}" in review(dokimasia, "--list")
    error = review(dokimasia, "--check", "limited", "--sample", "5", code=2)
    assert "no random check of 'limited': the last one is not finished; 30 of its 30 items" in error
    values = pd.read_parquet(dokimasia.folder / "items" / "limited.parquet").set_index("id")["value"]
    for item in check["items"]:
        value = 0.0 if item == check["items"][0] else values[item]
        review(dokimasia, "--check", "limited", "--override", f"{item}={value}", "--reason", "seen")
    after = json.loads(review(dokimasia, "--json"))["reviewed"]["limited"]
    assert after["random_check"]["left"] == []
    assert after["after"]["measure"]["low"] < after["after"]["measure"]["value"] < after["after"]["measure"]["high"]
    changed = int(values[check["items"][0]])
    assert f"30 looked at, {changed} changed\n" in review(dokimasia)
    assert "failed by the machine, inconclusive after review" in review(dokimasia)
    assert "reviews: 31 entries" in dokimasia("verify", dokimasia.audit)
    dokimasia("keygen", "kim")
    dokimasia("seal", dokimasia.audit, "--key", "kim")
    dokimasia("export", dokimasia.audit, "--out", "a.zip")
    dokimasia("verify", "a.zip", "--public", "kim.pub")
    dokimasia("import", "a.zip", "--into", "there")
    assert json.loads(dokimasia("review", dokimasia.audit, "--into", "there", "--json"))["reviewed"]["limited"] == after


def test_the_environment_names_the_key(dokimasia, monkeypatch):
    dokimasia("keygen", "kim")
    monkeypatch.setenv("DOKIMASIA_KEY", "kim")
    review(dokimasia, "--comment", "x")
    assert "(signed, sha256:" in review(dokimasia, "--list")
    dokimasia("seal", dokimasia.audit)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rate", "severe", "--check", "limited"], "got 'severe'; input should be 'high', 'medium', 'low' or 'note'"),
        (["--rate", "high", "--check", "limted"], "did you mean 'limited'"),
        (["--waive", "limited", "--reason", "x"], "a waiver needs a reason and its last day"),
        (["--waive", "limited", "--reason", "x", "--until", "soon"], "until: got 'soon'"),
        (["--waive", "limited", "--status", "open"], "goes with no --status"),
        (["--override", "1", "--check", "limited", "--reason", "x"], "override is for one item"),
        (["--override", "x=much", "--check", "limited", "--reason", "x"], "not ITEM=VALUE"),
        (["--override", "x=1", "--check", "limited", "--reason", "x"], "has no item 'x'"),
        (["--sample", "82", "--check", "limited"], "got 82 items; allowed: 1 to 81, which nobody has looked at"),
        (["--sample", "0", "--check", "limited"], "count: got 0"),
        (["--sample", "5"], "a random check is of one check's items"),
        (["--sample", "5", "--check", "limited", "--item", "x"], "a random check is of one check's items"),
        (["--sample", "5", "--check", "limited", "--comment", "y"], "said alone"),
        (["--item", "x", "--comment", "y"], "an item needs the check"),
        (["--approve", "--reject"], "one decision at a time"),
        (["--two-person", "--approve"], "--two-person goes with --ask"),
        (["--list", "--comment", "x"], "--list and --sync say nothing"),
        (["--comment", "x", "--key", "gone"], "gone: cannot be read"),
        (["--comment", "x", "--author", " "], "nobody is named"),
        (["--comment", "x", "--author", "a\nb"], "author"),
        (["--comment", "x" * 5000], "at most 4000"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(dokimasia, words, said):
    assert said in review(dokimasia, *words, code=2)
    assert not (dokimasia.folder / "reviews.jsonl").exists()


def test_a_torn_line_is_dropped_and_said(dokimasia):
    review(dokimasia, "--comment", "one")
    path = dokimasia.folder / "reviews.jsonl"
    path.write_bytes(path.read_bytes() + b'{"at":"20')
    assert "is left out" in review(dokimasia, "--list")
    assert "left out" in dokimasia("verify", dokimasia.audit)
    assert "is dropped" in review(dokimasia, "--comment", "two")
    assert len(json.loads(review(dokimasia, "--list", "--json"))["entries"]) == 2


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["seal", "AUDIT"], 2, "a seal needs a key"),
        (["export", "AUDIT", "--out", "x.tar"], 2, "ends in .zip"),
        (["export", "AUDIT", "--out", "plan.txt/x.zip"], 2, "cannot be written"),
        (["import", "gone.zip"], 2, "cannot be read"),
        (["verify", "gone.zip"], 2, "no audit"),
        (["verify", "AUDIT", "--public", "gone.pub"], 2, "cannot be read"),
        (["keygen", "no/such/folder/key"], 2, "cannot be written"),
    ],
)
def test_other_mistakes_are_one_line_too(dokimasia, tmp_path, words, code, said):
    (tmp_path / "plan.txt").write_text("x")
    assert said in dokimasia(*(dokimasia.audit if word == "AUDIT" else word for word in words), code=code)


def test_terminal_escapes_of_others_are_not_printed(dokimasia):
    review(dokimasia, "--comment", "\x1b[31mred\x1b[0m \u202e")
    assert "\x1b" not in review(dokimasia, "--list") + review(dokimasia)


def test_reviewing_and_verifying_bring_in_no_torch(dokimasia):
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(sorted(set(sys.modules) & {'torch', 'transformers', 'sklearn', 'streamlit'})))\n"
        "from audit.cli.app import main\nmain()\n"
    )
    for words in (["verify", str(dokimasia.folder)], ["review", str(dokimasia.folder), "--comment", "x"]):
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"


def test_a_list_of_the_parts_brings_in_no_record_and_nothing_that_is_made_of_one():
    code = (
        "import atexit, sys\n"
        "names = ('audit.record', 'audit.verdict', 'audit.ask', 'audit.storage', 'audit.signing', 'reports.views')\n"
        "atexit.register(lambda: print('|', *sorted({*names, 'numpy', 'rich'} & set(sys.modules))))\n"
        "from audit.cli.app import main\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, "parts", "--json"], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("}\n|\n")


def test_a_record_that_was_written_over_is_told_by_every_command_that_shows_it(dokimasia):
    dokimasia("keygen", "key")
    (before,) = json.loads(dokimasia("list", "--json"))["audits"]
    record = dokimasia.folder / "record.json"
    record.write_bytes(record.read_bytes().replace(before["title"].encode(), b"All is well"))
    (row,) = json.loads(dokimasia("list", "--json"))["audits"]
    assert (before["state"] == row["state"], row["state"], row["title"]) == (False, "changed", "All is well")
    told = "record.json: not the record that the run wrote"
    assert row["why"] == told
    assert "changed" in dokimasia("list").splitlines()[1]
    for words in (["review"], ["review", "--comment", "x"], ["seal", "--key", "key"], ["report"]):
        dokimasia(words[0], str(dokimasia.folder), *words[1:], code=4)
    assert not (dokimasia.folder / "reviews.jsonl").exists()
    (dokimasia.folder / "run.json").write_text("{")  # nothing that could be compared is here
    assert json.loads(dokimasia("list", "--json"))["audits"][0]["state"] == before["state"]
