"""The command `judge`: exit codes one by one, JUnit and SARIF by their readers, at once, without the heavy packages."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from xml.etree import ElementTree as ET

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml
from report_fixtures import HOSTILE, finding, hostile, rate, settled, write_audit
from schemas import published
from warm import COMMAND

from audit.files import sha256
from audit.policy import judge_audit, load_policy
from audit.record import Limit, load_record
from audit.review import Status, add_reviews
from audit.signing import make_key
from audit.signing.keys import read_key
from reports.documents.judgement_files import WRITERS, Places
from reports.text import words_of

DAY = date(2026, 11, 24)
SCHEMA = published("sarif-2.1.0")
WORDS = words_of("en")
HEAVY = ("torch", "transformers", "sklearn", "scipy", "pandas", "streamlit")
TOOL = [COMMAND]
"""The last one is run."""


@pytest.fixture(scope="module", autouse=True)
def tool(warm_program):
    TOOL.append(warm_program)
    yield
    TOOL.pop()


def judge(folder, *words, code=0, on=DAY, tool=-1):
    done = subprocess.run(
        [TOOL[tool], "judge", *words, "--on", str(on)], cwd=folder, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def write_policy(folder, **keys):
    (folder / "policy.yaml").write_text(yaml.safe_dump({"title": "Gate", **keys}, sort_keys=False))


def asked(folder, findings):
    audit = settled(write_audit(folder, findings))
    (folder / "plan.yaml").write_text("title: x\nchecks:\n" + "".join(f"  - name: {one.check}\n" for one in findings))
    return audit


def share(check, k, n=100, **more):
    verdict = more.pop("verdict", "passed")
    measures = [rate("share", k, n)]
    return finding(check, verdict, "The reason.", measures=measures, limit=Limit(measure="share", at_most=0.5), **more)


def formats(folder, *words, code, on=DAY):
    """What JUnit and SARIF say of the rules, by their own readers: {(class or rule, name): outcome}."""
    judge(folder, *words, "--format", "junit", "--out", "j.xml", code=code, on=on)
    judge(folder, *words, "--format", "sarif", "--out", "s.sarif", code=code, on=on)
    cases = {
        (case.classname, case.name): case.result[0].type if case.result else None
        for suite in JUnitXml.fromfile(folder / "j.xml")
        for case in suite
    }
    log = json.loads((folder / "s.sarif").read_bytes())
    SCHEMA.validate(log)
    results = [
        (one["ruleId"], one["message"]["text"].partition(":")[0], one["kind"], one["level"], "suppressions" in one)
        for one in log["runs"][0]["results"]
    ]
    return cases, {(rule, name): rest for rule, name, *rest in results}


# ---- exit codes, JUnit and SARIF of what an issue asks for ----------------------------------------------------------


def test_an_expired_waiver_fails(tmp_path):
    audit = asked(tmp_path / "a", [share("facts", 90, verdict="failed")])
    noon = datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=9)))
    says = Status(check="facts", status="waived", reason="Known; v2 mends it.", until=DAY)
    make_key(tmp_path / "key")
    add_reviews(audit, says, author="Kim", key=read_key(tmp_path / "key"), at=noon)
    write_policy(tmp_path, waivers={"by": ["Kim"], "longest_days": 30})
    words = ("a", "--policy", "policy.yaml")
    late = DAY + timedelta(days=1)
    assert "w facts: waived." in judge(tmp_path, *words).stdout
    assert "its last day was 2026-11-24" in judge(tmp_path, *words, code=1, on=late).stdout
    key = ("bias.stereotype_pairs", "facts")
    assert formats(tmp_path, *words, code=0) == ({key: None}, {key: ["fail", "error", True]})
    assert ET.parse(tmp_path / "j.xml").find(".//skipped").get("message").endswith("Known; v2 mends it.")
    assert formats(tmp_path, *words, code=1, on=late) == ({key: "failed"}, {key: ["fail", "error", False]})
    assert judge(tmp_path, "a", code=0).stdout.startswith("w facts")
    judge(tmp_path, "a", code=1, on=late)


def test_a_regression_fails(tmp_path):
    for name, k in (("new", 40), ("old", 5)):
        asked(tmp_path / name, [share("facts", k)])
    write_policy(tmp_path, baseline={"margin": 0.05})
    words = ("new", "--policy", "policy.yaml", "--baseline", "old")
    said = judge(tmp_path, *words, code=1).stdout
    assert "x baseline facts: failed. Share [30.3 %, 50.3 %], it was [1.64 %, 11.3 %]" in said
    key = ("policy.baseline", "facts")
    cases, results = formats(tmp_path, *words, code=1)
    assert (cases[key], results[key]) == ("failed", ["fail", "error", False])
    judge(tmp_path, "old", "--policy", "policy.yaml", "--baseline", "new")
    judge(tmp_path, "new", "--baseline", "old", code=1)
    assert "name it: --baseline" in judge(tmp_path, "new", "--policy", "policy.yaml", code=2).stderr
    asked(tmp_path / "old", [share("facts", 5, options={"batch": 2})])
    assert "not asked the same" in judge(tmp_path, *words, code=2).stderr


def test_a_missing_dimension_fails(tmp_path):
    asked(tmp_path / "a", [share("facts", 1)])
    write_policy(tmp_path, required={"dimensions": ["bias", "factuality"]})
    cases, results = formats(tmp_path, "a", "--policy", "policy.yaml", code=1)
    good, bad = ("policy.required", "bias"), ("policy.required", "factuality")
    assert (cases[good], cases[bad]) == (None, "failed")
    assert (results[good], results[bad]) == (["pass", "none", False], ["fail", "error", False])


def test_another_fingerprint_fails(tmp_path):
    audit = asked(tmp_path / "a", [share("facts", 1)])
    key = ("policy.fingerprint", "main")
    for wanted, code in ((audit.record.models["main"].fingerprint, 0), ("sha256:other", 1)):
        write_policy(tmp_path, fingerprint=wanted)
        cases, results = formats(tmp_path, "a", "--policy", "policy.yaml", code=code)
        assert cases[key] == (None if code == 0 else "failed")
        assert results[key] == (["pass", "none", False] if code == 0 else ["fail", "error", False])


def test_undecided_is_3_and_a_crash_5_and_failed_goes_before_both(tmp_path):
    some = [share("odd", 50, verdict="inconclusive"), finding("broken", "crashed", "RuntimeError: x")]
    asked(tmp_path / "a", some[:1])
    asked(tmp_path / "b", some)
    asked(tmp_path / "c", [*some, share("bad", 90, verdict="failed")])
    for name, code in (("a", 3), ("b", 5), ("c", 1)):
        judge(tmp_path, name, code=code)
    cases, results = formats(tmp_path, "b", code=5)
    assert cases == {("bias.stereotype_pairs", "odd"): "inconclusive", ("bias.stereotype_pairs", "broken"): "crashed"}
    assert results == {("bias.stereotype_pairs", "odd"): ["open", "none", False]}
    (invocation,) = json.loads((tmp_path / "s.sarif").read_bytes())["runs"][0]["invocations"]
    assert not invocation["executionSuccessful"]
    assert [note["level"] for note in invocation["toolExecutionNotifications"]] == ["warning", "error"]


def test_usage_is_2_and_integrity_4(tmp_path):
    audit = asked(tmp_path / "a", [share("facts", 1)])
    (tmp_path / "policy.yaml").write_text("titel: x\nforbid: [crash]\n")
    said = judge(tmp_path, "a", "--policy", "policy.yaml", code=2)
    assert said.stdout == ""
    assert said.stderr.splitlines() == [
        "dokimasia: policy.yaml:1:1: title is missing",
        "policy.yaml:1:1: unknown key 'titel' (did you mean 'title'?)",
        "policy.yaml:2:10: forbid: got 'crash'; "
        "input should be 'crashed', 'broken_controls', 'deviations', 'rerolls' or 'contradicted'",
    ]
    assert "no such file" in judge(tmp_path, "a", "--policy", "gone.yaml", code=2).stderr
    assert "did you mean 'junit'" in judge(tmp_path, "a", "--format", "junot", code=2).stderr
    assert "not a day" in judge(tmp_path, "a", code=2, on="yesterday").stderr
    add_reviews(audit, Status(check="facts", status="accepted"), author="Kim")
    record = tmp_path / "a" / "record.json"
    record.write_bytes(record.read_bytes().replace(b"The reason.", b"The raisin."))
    assert "not the record that the run wrote" in judge(tmp_path, "a", code=4).stderr


# ---- what is written ------------------------------------------------------------------------------------------------


def test_the_result_holds_the_hashes_a_line_for_every_rule_and_the_exit_code(tmp_path):
    asked(tmp_path / "a", [share("facts", 1)])
    write_policy(tmp_path, limits=[{"check": "facts", "at_most": 0.01}], level=0.9)
    told = json.loads(judge(tmp_path, "a", "--policy", "policy.yaml", "--json", code=3).stdout)
    assert (told["verdict"], told["exit_code"], told["on"]) == ("inconclusive", 3, "2026-11-24")
    assert told["policy"] == {"title": "Gate", "sha256": sha256((tmp_path / "policy.yaml").read_bytes())}
    assert told["record"] == sha256((tmp_path / "a" / "record.json").read_bytes())
    assert [(one["rule"], one["about"], one["verdict"], one["line"]) for one in told["rulings"]] == [
        ("limits", "facts share at most 0.01", "inconclusive", 3),
        ("level", "confidence", "passed", 5),
    ]
    words = ("--policy", "policy.yaml", "--format", "json", "--out", "x.json")
    again = judge(tmp_path, "a", *words, code=3, tool=0).stdout
    assert "? limits facts share at most 0.01: inconclusive." in again
    assert json.loads((tmp_path / "x.json").read_text()) == told


def test_rules_stand_in_the_policy_and_checks_in_the_plan(tmp_path):
    asked(tmp_path / "a", [share("good", 1), share("bad", 90, verdict="failed")])
    write_policy(tmp_path, limits=[{"check": "bad", "at_least": 0.1}])  # the plan's own limit asks something else
    words = ("a", "--policy", "policy.yaml", "--plan", "plans/release.yaml", "--format", "sarif")
    log = json.loads(judge(tmp_path, *words, code=1).stdout)
    places = [one["locations"][0]["physicalLocation"] for one in log["runs"][0]["results"]]
    assert [(one["artifactLocation"]["uri"], one["region"]["startLine"]) for one in places] == [
        ("plans/release.yaml", 3), ("plans/release.yaml", 4), ("policy.yaml", 3),
    ]  # fmt: skip


def test_the_summary_by_hand(tmp_path):
    asked(tmp_path / "0123", [share("good", 1), share("bad", 90, verdict="failed")])
    write_policy(tmp_path, required={"checks": ["g|d"]})
    told = judge(tmp_path, "0123", "--policy", "policy.yaml", "--format", "summary", code=1).stdout
    name = load_record(tmp_path / "0123").record.id
    record, policy = (sha256((tmp_path / name).read_bytes())[:23] for name in ("0123/record.json", "policy.yaml"))
    assert told == (
        "## ✗ Failed: 1 of 3 rules kept\n\n"
        f"**Gate** · {name} · {record} · 2026-11-24 · {policy}\n\n"
        "| Verdict | Rule | Why |\n|---|---|---|\n"
        "| ✗ Failed | bad | The reason. |\n"
        "| ✗ Failed | g\\|d | not asked: check 'g\\|d' (allowed: bad, good). |\n"
    )


def written(audit, folder, **keys):
    file = None
    if keys:
        (folder / "policy.yaml").write_text(json.dumps(keys))
        file = load_policy(folder / "policy.yaml")
    judged = judge_audit(audit, file, on=DAY)
    return {name: write(judged, WORDS, Places()) for name, write in WRITERS.items()}


def check_inert(made):
    SCHEMA.validate(log := json.loads(made["sarif"]))
    for one in log["runs"][0]["results"]:
        assert "](" not in one["message"]["text"]
        assert one["ruleId"]
    ET.fromstring(made["junit"])
    assert len(made["summary"].decode().splitlines()) <= 20
    json.loads(made["json"])


def test_hostile_names_are_inert(tmp_path):
    audit = settled(hostile(tmp_path / "a"))
    limits = [{"check": text[:100], "at_most": 1} for text in HOSTILE] + [{"check": "check-1", "at_most": 1}]
    made = written(audit, tmp_path, title="<script>[a](b)", limits=limits, required={"dimensions": HOSTILE[:9]})
    check_inert(made)
    assert b"<script" not in made["junit"]
    assert "<script" not in made["summary"].decode().replace("\\<script", "")
    (tmp_path / "policy.yaml").write_text(json.dumps({"title": "\x1b[31mred", "required": {"checks": HOSTILE}}))
    said = judge(tmp_path, "a", "--policy", "policy.yaml", code=1).stdout
    assert not [char for char in said if char in "\x1b\x07\u202e\u2066"]
    deciding = sum(one.gating and one.verdict != "measured" for one in audit.record.findings)
    assert len(said.splitlines()) == deciding + len(HOSTILE) + 1


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40) | st.sampled_from(HOSTILE))
def test_any_text_makes_valid_files(tmp_path, text):
    one = finding(text, "failed", text, probe=text, measures=[rate(text, 1, 9, group=text)])
    audit = write_audit(tmp_path / "a", [one], title=text)
    check_inert(written(audit, tmp_path, title=text[:200], limits=[{"probe": text, "at_most": 1}]))


def test_same_files_same_day_same_bytes(tmp_path):
    audit = hostile(tmp_path / "a")
    assert written(audit, tmp_path, title="x") == written(audit, tmp_path, title="x")


# ---- cost -----------------------------------------------------------------------------------------------------------


def big(folder):
    asked(folder / "a", [share(f"c{index}", 1) for index in range(200)])
    asked(folder / "b", [share(f"c{index}", 1) for index in range(200)])
    write_policy(
        folder, limits=[{"measure": "share", "at_most": 0.9}], baseline={"audit": "b"}, approval="one_person",
        required={"dimensions": ["bias"]}, forbid=["crashed", "broken_controls", "deviations"], waivers={},
    )  # fmt: skip
    return ["judge", "a", "--policy", "policy.yaml"]


def test_it_judges_without_the_heavy_packages_and_reads_no_file_often(tmp_path):
    """On any machine that is what keeps it under a second: see benchmarks/promises.py."""
    code = (
        "import atexit, collections, os, sys\n"
        "read = collections.Counter()\n"
        "def hook(event, given):\n"
        "    if event == 'open' and isinstance(given[0], (str, os.PathLike)):\n"
        "        read[os.path.relpath(given[0])] += 1\n"
        "sys.addaudithook(hook)\n"
        "def tell():\n"
        f"    heavy = sorted(set(sys.modules) & set({HEAVY}))\n"
        "    often = {name: count for name, count in read.items() if name[:2] in ('a/', 'b/') and count > 4}\n"
        "    print(heavy, often, read['a/observed/q/1.parquet'], file=sys.stderr)\n"
        "atexit.register(tell)\n"
        "from audit.cli.app import main\n"
        "main()\n"
    )
    words = big(tmp_path)
    for extra in ([], ["--format", "junit"], ["--format", "sarif"], ["--format", "summary"]):
        run = [sys.executable, "-c", code, *words, *extra]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (1, "[] {} 1\n")
