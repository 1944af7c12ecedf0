"""The command `compare`, run as a process: exit codes one by one, what is printed, what is written, what is refused."""

import json
import shutil
from dataclasses import replace

import pytest
from outside import Command
from warm import COMMAND

from audit.files import canonical

PLAN = """\
title: {title}
model: {{use: outside.markov, stay: {stay}, name: {name}}}
checks:
  - name: repeats
    probe: {{use: outside.repeats}}
    data: {{use: file, path: texts.csv}}
    limit: {{measure: repeat_share, at_most: {limit}}}
  - name: free
    probe: {{use: outside.repeats}}
    data: {{use: file, path: texts.csv}}
"""
TEXTS = [a + b + c + d + e for a in "abc" for b in "abc" for c in "abc" for d in "abc" for e in "ab"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, outside_site, outside_program):
    """Audits of three models and of another plan, by name: `calm` and `still` answer alike, `wild` otherwise."""
    home = tmp_path_factory.mktemp("compare")
    (home / "texts.csv").write_text("text\n" + "\n".join(TEXTS) + "\n")
    command, audits = Command(home, outside_site, outside_program), {}
    models = (("calm", 0.8, 0.9), ("still", 0.7, 0.9), ("wild", 0.2, 0.9), ("other", 0.2, 0.8))
    for name, stay, limit in models:
        (home / f"{name}.yaml").write_text(PLAN.format(title="Compared", stay=stay, name=name, limit=limit))
        audits[name] = json.loads(command("run", f"{name}.yaml", "--json").stdout)["id"]
    return command, audits


@pytest.fixture(scope="module")
def anew(folder):
    """The same audits, and the installed command in a process that starts anew."""
    return replace(folder[0], program=COMMAND), folder[1]


def compare(folder, a, b, *more, code=0):
    command, audits = folder
    return command("compare", audits.get(a, a), audits.get(b, b), *more, code=code)


@pytest.mark.parametrize(
    ("a", "b", "more", "code"),
    [
        ("wild", "wild", (), 0),
        ("calm", "wild", (), 0),
        ("wild", "calm", (), 1),
        ("calm", "still", (), 3),
        ("calm", "still", ("--margin", "0.1"), 0),
        ("calm", "still", ("--margin", "repeat_share=0.1"), 0),
        ("calm", "other", (), 2),
    ],
)
def test_exit_codes(folder, a, b, more, code):
    compare(folder, a, b, *more, code=code)


def test_an_altered_audit_is_found_before_anything_is_compared(folder, tmp_path):
    command, audits = folder
    for name, path in (("items", "items/repeats.parquet"), ("plan", "plan.json")):
        copy = tmp_path / name
        shutil.copytree(command.folder / "audits" / audits["calm"], copy)
        (copy / path).write_bytes(b"{}")
        for pair in ((str(copy), "wild"), ("wild", str(copy))):
            done = compare(folder, *pair, code=4)
            assert done.stderr.startswith(f"dokimasia: {name}: ")
            assert path.rpartition("/")[2] in done.stderr
            assert done.stdout == ""


def test_the_table_and_the_sentence(folder):
    done = compare(folder, "wild", "calm", code=1)
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["check", "measure", "A", "B", "B", "-", "A", "p", "changed", "verdict"]
    assert lines[1].startswith("repeats  repeat share  0 %  ")
    assert lines[1].endswith("x worse")
    assert "<.001" in lines[1]
    assert lines[2].endswith(". measured (not gating)")
    assert lines[-1] == "Worse: 1 of 1 gating checks."
    assert f"A = wild ({folder[1]['wild']})" in done.stdout
    assert "--margin X" in compare(folder, "calm", "still", code=3).stdout.splitlines()[-1]


def test_several_candidates_are_told_one_after_another_and_the_worst_decides(folder):
    """A is the baseline, and once more a candidate: the worst word is the exit code; what holds together is said."""
    command, audits = folder
    lines = command("compare", *(audits[one] for one in ("wild", "still", "wild")), code=1).stdout.splitlines()
    heads = [line.split() for line in lines if line.startswith("check ")]
    assert [head[3] for head in heads] == ["B", "C"]
    assert [line for line in lines if line.startswith(("B: ", "C: "))] == [
        "B: Worse: 1 of 1 gating checks.", "C: No worse: 1 of 1 gating checks."
    ]
    assert lines[-1] == "Paired intervals hold together over the 2 comparisons; p is adjusted (Holm)."


def test_json_is_canonical_and_the_same_every_time(folder, anew):
    done = compare(folder, "wild", "calm", "--json", code=1)
    data = json.loads(done.stdout)
    assert canonical(data).decode() + "\n" == done.stdout
    assert (data["word"], data["checks"][0]["check"], data["checks"][0]["word"]) == ("worse", "repeats", "worse")
    assert (data["a"]["id"], data["b"]["id"]) == (folder[1]["wild"], folder[1]["calm"])
    assert compare(anew, "wild", "calm", "--json", code=1).stdout == done.stdout, "whatever the seed of hashes"


@pytest.mark.parametrize(("name", "ending"), [("html", "html"), ("markdown", "md"), ("json", "json")])
def test_a_report_goes_where_it_is_told(folder, tmp_path, name, ending):
    command, audits = folder
    done = compare(folder, "wild", "calm", "--format", name, code=1)
    path = f"audits/{audits['calm']}/reports/compare-{audits['wild']}.{ending}"
    assert done.stdout.splitlines()[-1] == path
    told = compare(folder, "wild", "calm", "--format", name, "--out", str(tmp_path / "x" / "r"), "--json", code=1)
    assert told.stderr.splitlines()[-1] == str(tmp_path / "x" / "r")
    assert (tmp_path / "x" / "r").read_bytes() == (command.folder / path).read_bytes()
    if name == "json":
        assert (tmp_path / "x" / "r").read_text("utf-8") == told.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("calm", "wild", "--margin", "some"), "--margin some: not X or NAME=X with a number X"),
        (("calm", "wild", "--margin", "-1"), "margin -1; allowed: a number of at least 0"),
        (("calm", "wild", "--margin", "repeats=1"), "no measure 'repeats' (did you mean 'repeat_share'?)"),
        (("calm", "wild", "--format", "htm"), "unknown report of a comparison 'htm' (did you mean 'html'?)"),
        (("calm", "wild", "--format", "html", "--lang", "xx"), "unknown language 'xx'"),
        (("calm", "wild", "--out", "x"), "--out x: goes with --format"),
        (("calm", "0000"), "no audit '0000'"),
        (("calm", "other"), "A and B were not asked the same, so nothing is compared: checks.repeats.limit.at_most is"),
    ],
)
def test_what_is_refused_is_told_in_one_line(folder, words, said):
    done = compare(folder, *words, code=2)
    assert said in done.stderr
    assert done.stdout == ""
    assert sum(line.startswith("dokimasia: ") and "left out" not in line for line in done.stderr.splitlines()) == 1


def test_groups_that_fell_are_named_on_the_terminal(tmp_path):
    from comparison_fixtures import two_audits
    from test_reports_comparison import by_language

    from audit.cli.comparing import _lines
    from audit.compare import compare_audits

    found = compare_audits(*two_audits(tmp_path / "fell", [by_language((93, 81, 83))], [by_language((92, 83, 61))]))
    (line,) = [line for line in _lines([found]) if line.startswith("facts by group: ")]
    assert line.startswith("facts by group: x Korean 83.0 % -> 61.0 %, -22.0 points [-")
    same = compare_audits(*two_audits(tmp_path / "same", [by_language((93, 81, 83))], [by_language((92, 83, 83))]))
    assert "facts by group: none of 3 differs beyond chance" in _lines([same])
