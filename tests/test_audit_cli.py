"""The command: exit codes one by one, all mistakes at once, killed at any moment, parts from outside."""

import json
import random
import re
import signal
import time
from dataclasses import replace
from importlib import metadata

import jsonschema_rs
import pytest
from outside import Command
from warm import COMMAND

from audit.errors import UsageError
from audit.storage import find_audit

pytestmark = pytest.mark.slow
PLAN = """\
title: Outside {extra}
model: {{use: outside.markov, slow: {slow}, log: {log}}}
shard: 8
checks:
  - name: repeats
    probe: {{use: outside.repeats}}
    data: {{use: file, path: texts.csv}}
    limit: {{measure: repeat_share, {limit}}}
{more}"""
CRASH = """\
  - name: crash
    probe: {use: outside.repeats, crash: true}
    data: {use: file, path: texts.csv}
    limit: {measure: repeat_share, at_most: 1}
"""
FREE = """\
  - name: free
    probe: {use: outside.repeats}
    data: {use: file, path: texts.csv}
"""
UNDECIDED = "at_most: 0.45"


@pytest.fixture
def dokimasia(tmp_path, outside_site, outside_program):
    rng = random.Random(0)
    rows = {"".join(rng.choices("abc", k=6)) for _ in range(200)}
    (tmp_path / "texts.csv").write_text("text\n" + "\n".join(sorted(rows)[:120]) + "\n")
    (tmp_path / "asked.log").touch()
    return Command(tmp_path, outside_site, outside_program)


@pytest.fixture
def anew(dokimasia):
    """The installed command, in a process that starts anew."""
    return replace(dokimasia, program=COMMAND)


def write(command, *, limit="at_most: 0.99", more="", slow="0.0", extra="", name="plan.yaml"):
    text = PLAN.format(limit=limit, more=more, slow=slow, extra=extra, log="asked.log")
    (command.folder / name).write_text(text)
    return name


def asked(command) -> int:
    return len((command.folder / "asked.log").read_text().splitlines())


@pytest.mark.parametrize(
    ("limit", "more", "code", "verdict"),
    [
        ("at_most: 0.99", "", 0, "passed"),
        ("at_most: 0.01", "", 1, "failed"),
        (UNDECIDED, "", 3, "inconclusive"),
        ("at_most: 0.99", CRASH, 5, "crashed"),
        ("at_most: 0.01", CRASH, 1, "failed"),
        (UNDECIDED, CRASH, 5, "crashed"),
    ],
)
def test_exit_codes_and_their_precedence(dokimasia, limit, more, code, verdict):
    done = dokimasia("run", write(dokimasia, limit=limit, more=more), "--json", code=code)
    assert json.loads(done.stdout)["verdict"] == verdict


def test_findings_land_then_the_closing_table(anew, dokimasia):
    done = anew("run", write(anew, more=FREE))
    first, second = done.stdout.splitlines()[:2]
    assert first.startswith("v repeats: passed. repeat share: ")
    assert second.startswith(". free: measured.")
    assert re.search(r"^model +bias", done.stdout, re.MULTILINE)
    assert "Passed: 2 checks. audits/" in done.stdout
    again = dokimasia("run", "plan.yaml")
    assert again.stdout == done.stdout
    assert "finished before" in again.stderr


def test_a_command_that_cannot_be_loaded_is_told_where_it_is_listed_or_called_and_nowhere_else(dokimasia):
    why = "command 'broken' of outside-parts cannot be imported"
    listed = dokimasia("--help")
    assert f"left out: {why}" in listed.stderr
    assert " broken " not in listed.stdout
    assert why in dokimasia("broken", code=2).stderr
    assert dokimasia("parts", "probes").stderr == ""


def test_a_wrong_plan_names_every_mistake_at_once(dokimasia):
    name = write(dokimasia, limit="at_most: 0.9, mist: 1")
    path = dokimasia.folder / name
    path.write_text(path.read_text().replace("outside.repeats", "outside.repaets").replace("texts.csv", "gone.csv"))
    done = dokimasia("run", name, code=2)
    assert "plan.yaml:6:13: unknown probe 'outside.repaets' (did you mean 'outside.repeats'?)" in done.stderr
    assert "plan.yaml:7:23: no such file or folder: gone.csv" in done.stderr
    assert "plan.yaml:8:50: unknown key 'mist'" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "gone.yaml"], "no such file"),
        (["verify", "0123"], "no audit '0123'"),
        (["parts", "outside.repaets"], "did you mean"),
        (["schema", "plam"], "did you mean 'plan'"),
        (["run"], "Missing argument"),
        (["rum"], "No such command"),
    ],
)
def test_usage_errors_exit_2(dokimasia, words, said):
    assert said in dokimasia(*words, code=2).stderr


def test_verify_finds_a_flipped_byte_and_judges_again(dokimasia):
    dokimasia("run", write(dokimasia))
    folder = next((dokimasia.folder / "audits").glob("*/record.json")).parent
    done = json.loads(dokimasia("verify", folder.name[:5], "--recompute", "--json").stdout)
    assert done["numbers"] == 3
    file = next(folder.glob("observed/*/*.parquet"))
    data = bytearray(file.read_bytes())
    data[9] ^= 4
    file.write_bytes(bytes(data))
    assert "not those that were stored" in dokimasia("verify", folder.name, code=4).stderr


def test_an_altered_answer_stops_a_resumed_run(dokimasia):
    name = write(dokimasia, slow="0.01")
    process = dokimasia.start("run", name)
    _wait(lambda: asked(dokimasia) > 40, process)
    process.kill(), process.communicate()
    file = sorted((dokimasia.folder / "audits").glob("*/observed/*/*.parquet"))[0]
    file.write_bytes(file.read_bytes()[:-3] + b"xyz")
    assert "not the bytes that were stored" in dokimasia("run", name, code=4).stderr


def _wait(ready, process) -> None:
    begun = time.monotonic()
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - begun < 300
        time.sleep(0.005)


def test_ctrl_c_exits_130_and_the_same_command_goes_on(anew, dokimasia):
    name = write(anew, slow="0.03")
    process = anew.start("run", name)
    _wait(lambda: asked(anew) > 40, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "the same command goes on from there" in said
    before = asked(anew)
    dokimasia("run", name)
    assert asked(anew) <= before + 240 - 32


def test_killed_at_six_random_moments_the_record_is_the_same(dokimasia):
    """Each when so many more items were asked, wherever the run then is."""
    name = write(dokimasia, more=FREE, slow="0.01")
    dokimasia("run", name, "--into", "whole")
    whole = next((dokimasia.folder / "whole").glob("*/record.json")).read_bytes()
    items = asked(dokimasia)
    rng, kills = random.Random(7), 0
    (dokimasia.folder / "asked.log").write_text("")
    for _ in range(6):
        until = asked(dokimasia) + rng.randrange(1, items // 8)
        process = dokimasia.start("run", name, "--into", "cut")
        while asked(dokimasia) < until and process.poll() is None:
            time.sleep(rng.uniform(0, 0.01))
        process.kill()
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
    dokimasia("run", name, "--into", "cut")
    record = next((dokimasia.folder / "cut").glob("*/record.json")).read_bytes()
    assert record == whole
    assert kills >= 3
    # A shard of 8 texts asks 16 items at most; each kill may cost the shard in flight, and no more.
    assert asked(dokimasia) <= items + 16 * kills
    assert not list((dokimasia.folder / "cut").glob("*/record.json.*"))


def test_parts_from_outside_stand_beside_ours(dokimasia):
    found = json.loads(dokimasia("parts", "--json").stdout)
    assert "outside.markov" in found["models"]
    assert found["probes"]["outside.repeats"].startswith("Share of texts")
    assert {"titles", "html", "json", "junit", "markdown"} <= set(found["reports"])
    assert found["commands"]["broken"].startswith("broken: ")
    one = dokimasia("parts", "outside.repeats").stdout
    assert "crash: bool (default False) Raise in the middle" in one
    assert "repeat_share: repeat share" in one
    dokimasia("run", write(dokimasia))
    folder = next((dokimasia.folder / "audits").glob("*/record.json")).parent
    path = dokimasia("report", folder.name, "--format", "titles").stdout.strip()
    assert (dokimasia.folder / path).read_text() == "passed: Outside\n"


def test_an_importer_from_outside_reads_logs_of_its_own(dokimasia):
    (dokimasia.folder / "class.marks").write_text("a b a c")
    told = dokimasia("import-results", "class.marks", "--into", "marks.yaml", "--run").stdout
    assert "spelling, teacher: 4 items, all scored, mean 0.5, higher is better" in told
    assert "The score is 50.0 % on average" in told


def test_dry_run_asks_nothing_and_learns_from_earlier_runs(dokimasia):
    name = write(dokimasia, more=FREE)
    first = json.loads(dokimasia("run", name, "--dry-run", "--json").stdout)
    assert (first["calls"], first["seconds"], asked(dokimasia)) == (240, None, 0)
    assert first["levels"] == {"repeats": 0.95, "free": 0.95}
    sizes = json.loads(dokimasia("plan-size", name, "--json").stdout)["checks"]
    assert [{key: row[key] for key in row if key != "seconds"} for row in first["checks"]] == sizes
    assert (sizes[0]["rate"]["passes"]["high"] < 0.99, sizes[0]["rate"]["fails_above"]) == (True, None)
    said = dokimasia("run", name, "--dry-run").stdout
    assert said.splitlines()[-1] == "all: 240 calls, time unknown: this model was not timed yet; nothing was asked"
    told = re.search(r"repeat_share at most 99 %: a true ([\d.]+) % or less passes, none is sure to fail \(80 %", said)
    assert float(told[1]) == pytest.approx(100 * sizes[0]["rate"]["passes"]["high"], abs=0.01)
    dokimasia("run", name)
    assert json.loads(dokimasia("run", name, "--dry-run", "--json").stdout)["seconds"] >= 0


def test_limit_and_seed_make_another_audit(dokimasia):
    name = write(dokimasia)
    ids = {
        json.loads(dokimasia("run", name, "--json", *more, code=None).stdout)["id"]
        for more in ([], ["--max-items", "20"], ["--seed", "3"])
    }
    assert len(ids) == 3


def test_schema_and_init(dokimasia):
    record = json.loads(dokimasia("run", write(dokimasia), "--json").stdout)
    jsonschema_rs.validate(json.loads(dokimasia("schema", "record").stdout), record)
    dokimasia("init", "new.yaml", "--model", "http://127.0.0.1:9/v1")
    assert "yaml-language-server" in (dokimasia.folder / "new.yaml").read_text()
    assert "there already" in dokimasia("init", "new.yaml", code=2).stderr
    assert json.loads((dokimasia.folder / "plan.schema.json").read_text())["title"] == "PlanSpec"


def test_the_version_is_told(dokimasia):
    assert dokimasia("--version").stdout == f"dokimasia {metadata.version('dokimasia')}\n"


def test_a_part_is_found_by_its_last_word(dokimasia):
    assert "did you mean 'factuality.judged'?" in dokimasia("parts", "judged", code=2).stderr


def test_doctor_lists_what_is_here(dokimasia):
    rows = json.loads(dokimasia("doctor", "--json").stdout)
    assert {"python", "torch", "real language model", "Korean font"} <= {row["what"] for row in rows}


def test_a_hostile_title_cannot_steer_the_terminal(dokimasia):
    path = dokimasia.folder / write(dokimasia)
    path.write_text(path.read_text().replace("Outside ", r'"Out\e[31mside"'))
    done = dokimasia("run", path.name)
    assert "Out[31mside" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_find_audit_by_prefix(tmp_path):
    for name in ("abc1", "abd2", "abd2-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").touch()
    assert find_audit("abc", tmp_path).name == "abc1"
    assert find_audit("abd2", tmp_path).name == "abd2"
    assert find_audit(str(tmp_path / "abc1"), tmp_path / "elsewhere").name == "abc1"
    for wrong in ("ab", "zzz", "../x", ""):
        with pytest.raises(UsageError):
            find_audit(wrong, tmp_path)
