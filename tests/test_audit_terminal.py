"""The two ends of the command: whatever happens is told in one clean line, under the documented exit code."""

import errno
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from audit.cli.app import execute
from audit.cli.terminal import MOST_PROBLEMS, standard_streams, tell
from audit.errors import IntegrityError, PlanError
from audit.plugins import names, summary

DOKIMASIA = [sys.executable, "-m", "audit"]
ROOT = Path(__file__).parents[1]


def lines_of(capsys) -> list[str]:
    out, err = capsys.readouterr()
    assert all(unicodedata.category(char)[0] != "C" for char in (out + err).replace("\n", "")), repr(out + err)
    assert out == ""
    return err.splitlines()


def fails_with(monkeypatch, error):
    def load_plan(path, confined):
        raise error

    monkeypatch.setattr("audit.plan.load_plan", load_plan)
    return execute(["check-plan", "plan.yaml"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "ro/audits"), 2),
        (OSError(errno.ENOSPC, "No space left on device"), 2),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "base.jsonl"), 2),
        (MemoryError(), 5),
        (RecursionError("maximum recursion depth exceeded"), 5),
        (KeyError("run.json"), 5),
        (ValueError("line one\nline two \x1b[2J\u202e"), 5),
        (IntegrityError("\x1b[2J\x1b[H80 files are what was stored\r\nseal: \u202eunchanged\x07"), 4),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_error_is_one_clean_line_with_its_exit_code(monkeypatch, capsys, tmp_path, error, code):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert fails_with(monkeypatch, error) == code
    (line,) = lines_of(capsys)
    assert line.startswith("dokimasia: ")
    assert ("internal error" in line) == (code == 5)
    logs = list(tmp_path.glob("dokimasia-*.log"))
    assert len(logs) == (code == 5)
    for log in logs:
        assert str(log) in line
        assert f"in load_plan\n    raise error\n{type(error).__name__}" in log.read_text()
        assert log.stat().st_mode & 0o077 == 0, "a traceback is for its owner's eyes"


def test_each_mistake_of_a_plan_is_a_line_and_at_most_fifty_are_told(monkeypatch, capsys):
    problems = [f"plan.yaml:{at}:1: got 'a\nb\x1b[31m'" for at in range(MOST_PROBLEMS + 7)]
    assert fails_with(monkeypatch, PlanError(problems)) == 2
    told = lines_of(capsys)
    assert (len(told), told[1], told[-1]) == (MOST_PROBLEMS + 1, "plan.yaml:1:1: got 'a b[31m'", "and 7 more")


def test_a_log_that_cannot_be_written_is_told_too(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    assert fails_with(monkeypatch, KeyError("x")) == 5
    assert lines_of(capsys) == [
        "dokimasia: internal error, please report it: KeyError: 'x'; details could not be written (FileNotFoundError)"
    ]


@pytest.mark.parametrize("text", ["::error file=x::owned", "\t ::stop-commands::x", "##[error]owned", "a\n::debug::x"])
def test_no_line_commands_the_log_of_a_ci_service(capsys, text):
    with standard_streams():
        print(text)
        print("a::b", "::c", sep="", end="")
        print("::d")
        print(text, file=sys.stderr)
    out, err = capsys.readouterr()
    for line in [*out.splitlines(), *err.splitlines()]:
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
    assert "a::b::c::d\n" in out, "in the middle of a line it is nobody's command"


def test_a_plan_named_like_a_log_command_is_none(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("::error::x.yaml").write_text("a: [")
    Path("p.yaml").write_text("title: [1, 2]\nx: 1\nchecks: []")
    assert execute(["check-plan", "p.yaml", "::error::x.yaml"]) == 2
    assert any(": :error: :x.yaml" in line or ": :error::x.yaml" in line for line in lines_of(capsys))


HOSTILE = {
    "int": 'seed: !!int ""', "minus": 'seed: !!int "-"', "float": 'level: !!float ""', "bool": "seed: !!bool maybe",
    "day": "seed: !!timestamp x", "no day": "seed: 2001-99-99", "sexagesimal": f"level: 1{':59' * 400}.5",
    "hex": f"seed: 0x{'f' * 5000}", "64 bits": "limit: 9223372036854775808", "python": "a: !!python/object:os.x {}",
    "deep": "[" * 200_000, "many": "[" + "1," * 450_000 + "]", "key": "? [a]\n: b", "latin": "title: \xe9",
    "path": "model: {use: vae, path: '" + "a" * 5000 + "'}", "nul": 'model: {use: vae, path: "a\\0b"}',
    "unknown": "\n".join(f"k{at}: 1" for at in range(9000)), "seed": "seed: -1",
}


OTHERS = ["run", "judge x --policy"]
LONG = ["many", "unknown"]
"""What takes a second to read, of which one command is enough."""


@pytest.mark.parametrize(
    ("words", "name"),
    [("check-plan", name) for name in HOSTILE]
    + [(OTHERS[at % 2], name) for at, name in enumerate(HOSTILE) if name not in LONG],
)
def test_hostile_yaml_is_told_with_its_place(tmp_path, monkeypatch, capsys, name, words):
    """As plan, by one command all of it and by another, that reads it the same way, half of it; the other as policy."""
    monkeypatch.chdir(tmp_path)
    text = HOSTILE[name]
    Path("p.yaml").write_bytes(f"title: T\n{text}\n".encode("latin-1") if text[0] not in "[?" else text.encode())
    assert execute([*words.split(), "p.yaml"]) == 2
    told = lines_of(capsys)
    assert told[0].startswith("dokimasia: p.yaml:"), told
    assert len(told) <= MOST_PROBLEMS + 1
    assert max(map(len, told)) < 2100


def shell(command: str, *, cwd=None, **more) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **more}
    program = f'dok() {{ "{sys.executable}" -m audit "$@"; }}; {command}'
    return subprocess.run(["bash", "-c", program], capture_output=True, text=True, cwd=cwd, env=environment)


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("dok parts > /dev/full", 2, "dokimasia: standard output: No space left on device\n"),
        ("dok parts >&-", 0, ""),
        ("dok parts >&- 2>&- <&-", 0, ""),
        ("dok run 2>&-", 2, ""),
        ("dok run 2> /dev/full", 2, ""),
        ("set -o pipefail; dok schema plan | head -c 1 > /dev/null", 0, ""),
        ("dok --help > /dev/null", 0, ""),
    ],
)
def test_outputs_that_fail_leave_no_traceback(command, code, said):
    if "/dev/full" in command and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = shell(command, LC_ALL="C", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (code, said)


def test_what_an_output_cannot_spell_is_spelt_out():
    assert "(\\ub3c4\\ud0a4" in shell("dok --help", PYTHONIOENCODING="ascii", LC_ALL="C").stdout


def test_too_little_memory_is_one_line():
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (100 << 20, 100 << 20))"
    probe = [sys.executable, "-c", f"{limit}; bytearray(200 << 20)"]
    if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
        pytest.skip("this system does not keep memory limits")
    code = f"import audit.cli.app; {limit}; sys.exit(audit.cli.app.execute(['schema', 'record']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode in (0, 2, 5), done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupt_at_any_moment_is_130(monkeypatch, capsys):
    def names(kind):
        raise KeyboardInterrupt

    monkeypatch.setattr("audit.plugins.names", names)
    assert execute(["parts"]) == 130
    assert lines_of(capsys) == []


def test_an_interrupt_while_the_command_is_loaded_is_130():
    code = (
        "import builtins, runpy, sys\nreal = builtins.__import__\n"
        "def stops(name, *more, **named):\n    if name == 'typer': raise KeyboardInterrupt\n"
        "    return real(name, *more, **named)\n"
        "builtins.__import__ = stops\nsys.argv = ['dokimasia', 'parts']\n"
        "runpy.run_module('audit', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (130, "")


def test_a_thread_that_dies_and_a_library_that_warns_say_a_line(capsys):
    import logging
    import threading

    def dies():
        raise ValueError("two\nlines\x1b[2J")

    with standard_streams():
        thread = threading.Thread(target=dies)
        thread.start()
        thread.join()
        logging.getLogger("x").warning("::error::%s", "a\nb")
    assert lines_of(capsys) == ["dokimasia: ValueError: two lines[2J", "dokimasia: ::error::a b"]


def test_tell_returns_the_codes_of_the_command_line_too(capsys):
    assert execute(["rum"]) == 2
    assert execute(["run", "--max-items", "x", "p.yaml"]) == 2
    assert len(lines_of(capsys)) == 2
    with standard_streams():
        assert tell(OSError("no number")) == 2
    assert lines_of(capsys) == ["dokimasia: no number"]


def test_help_lists_every_command_in_one_order_with_its_whole_summary(capsys):
    assert execute(["--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands")[2]
    assert (re.findall(r"^  ([a-z][a-z-]+) +\S", listed, re.M), "mark" in listed) == (names("commands"), True)
    told = " ".join(listed.split())
    assert all(" ".join(summary("commands", name).split()) in told for name in names("commands"))


def test_a_group_that_is_given_no_command_prints_its_help_as_it_stands(capsys):
    assert execute(["mark"]) == 2
    told = capsys.readouterr()
    assert (told.out.startswith("Usage: dokimasia mark "), "\n  image " in told.out, told.err) == (True, True, "")


def test_only_the_command_that_is_called_is_loaded():
    code = "import sys; from audit.cli.app import execute; execute(['keygen', '--help']); print([*sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert "'audit.cli.sealing'" in done.stdout
    assert not {one for one in ("audit.cli.parts", "audit.cli.running", "rich") if f"'{one}'" in done.stdout}


def test_what_reads_options_is_loaded_for_those_that_are_given(capsys):
    said = "print('pydantic' in sys.modules)"
    code = f"import sys; from audit.cli.app import execute; execute(['parts', '--json']); {said}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.endswith("}}\nFalse\n")
    assert execute(["run", "plan.yaml", "--max-items", "few"]) == 2
    assert lines_of(capsys)[0].startswith("dokimasia: Invalid value for '--max-items' / '--limit': ")
