"""Every command with a full disk, a read-only folder, outputs that are closed, full or not UTF-8, pipes and devices.

One line, the documented exit code, and what was stored is whole afterwards. Each command runs in a child of this
process, whose limits, rights and outputs are really so.
"""

import ctypes
import io
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from fuzzing import fuzz
from warm import import_all, make_all

from audit.cli.app import execute
from audit.cli.schemas import json_schema

DAC_OVERRIDE, DAC_READ_SEARCH = 1, 2
WRITING = {
    "run": ["run", "plan.yaml", "--into", "new"],
    "init": ["init", "new.yaml"],
    "keygen": ["keygen", "new-key"],
    "report": ["report", "a"],
    "report --out": ["report", "a", "--out", "x.html"],
    "judge --out": ["judge", "a", "--format", "json", "--out", "x.json"],
    "compare --out": ["compare", "a", "a", "--format", "json", "--out", "x.json"],
    "index": ["index"],
    "review": ["review", "a", "--author", "Kim", "--comment", "x"],
    "seal": ["seal", "a", "--again", "--author", "Kim", "--key", "key"],
    "export": ["export", "a", "--out", "x.zip"],
    "import": ["import", "audit.zip", "--into", "new"],
}
TALKING = {
    "help": ["--help"], "parts": ["parts"], "schema": ["schema", "plan"], "doctor": ["doctor"],
    "verify": ["verify", "a"],
    "review": ["review", "a", "--list"], "judge": ["judge", "a"], "judge json": ["judge", "a", "--json"],
    "check-plan": ["check-plan", "plan.yaml"], "plan-size": ["plan-size", "plan.yaml"],
    "run": ["run", "plan.yaml", "--into", "new"], "dry": ["run", "plan.yaml", "--dry-run"],
    "compare": ["compare", "a", "a"],
}
CODES = {"judge": {0, 1, 3}, "judge json": {0, 1, 3}, "run": {0, 1, 3}, "compare": {0, 1, 3}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    import_all()  # once, not in every child
    make_all()
    json_schema("plan")
    return fuzz.make_site(tmp_path_factory.mktemp("outages") / "site")


@pytest.fixture
def site(made, monkeypatch):
    with tempfile.TemporaryDirectory() as place:
        monkeypatch.chdir(shutil.copytree(made, Path(place, "site")))
        yield Path(place, "site")
        for folder, _, _ in os.walk(place):
            Path(folder).chmod(0o755)


def child(words: list[str], prepare: Callable[[], None], *, outputs: bool = True) -> tuple[int, str]:
    """Run a command in a child of this process, after `prepare` there; returns exit code and what it said on stderr."""
    reading, writing = os.pipe()
    if not (pid := os.fork()):
        code = 99
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(writing, 2)
            sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8")
            sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", line_buffering=True)
            signal.alarm(120)
            prepare()
            code = execute(words)
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


def told_once(said: str) -> None:
    assert "Traceback" not in said
    assert "internal error" not in said
    assert len([line for line in said.splitlines() if line.startswith("dokimasia: ")]) == 1, said


def is_whole() -> None:
    """What was stored before is what it was."""
    assert child(["verify", "a"], lambda: None)[0] == 0
    assert not list(Path().glob("**/.*.tmp")), "nothing is left lying about"


def no_room():
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))


@pytest.mark.parametrize("name", WRITING)
def test_on_a_full_disk(site, name):
    code, said = child(WRITING[name], no_room)
    assert code == 2, said
    told_once(said)
    is_whole()
    for left in ("new-key", "new-key.pub", "new.yaml", "x.html", "x.json", "x.zip"):
        assert not Path(left).exists(), "nothing stands in the way of the next attempt"
    code, said = child(WRITING[name], lambda: None)
    assert code in {0, *CODES.get(name.split()[0], set())}, said


def drop_override():
    """Give up root's right to write where the mode forbids it."""
    if os.geteuid():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    head, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(head, data) == 0
    for word in (0, 1):  # effective and permitted, of the first 32 capabilities
        data[word] &= ~(1 << DAC_OVERRIDE | 1 << DAC_READ_SEARCH)
    if libc.capset(head, data):
        os._exit(77)


@pytest.mark.parametrize("name", WRITING)
def test_in_a_folder_that_is_read_only(site, name):
    for folder, _, files in os.walk(site):
        for file in files:
            Path(folder, file).chmod(0o444)
        Path(folder).chmod(0o555)
    code, said = child(WRITING[name], drop_override)
    if code == 77:
        pytest.skip("this system lets root write anywhere")
    assert code == 2, said
    told_once(said)
    is_whole()


@pytest.mark.parametrize("name", TALKING)
def test_with_outputs_that_are_closed_or_ascii(site, name):
    def closed():
        os.close(1)
        os.close(2)
        sys.stdout = sys.stderr = None

    def ascii_only():
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "ascii", "strict")

    for prepare in (closed, ascii_only):
        code, said = child(TALKING[name], prepare)
        assert code in CODES.get(name, {0}), said
        assert "Traceback" not in said


@pytest.mark.parametrize("name", TALKING)
def test_with_an_output_that_is_full(site, name):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    code, said = child(TALKING[name], lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 1) and None)
    assert code == 2, said
    told_once(said)
    assert "standard output: No space left on device" in said


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize(
    ("file", "words", "codes"),
    [
        ("plan.yaml", ["run", "plan.yaml"], {2}), ("plan.yaml", ["check-plan", "plan.yaml"], {2}),
        ("policy.yaml", ["judge", "a", "--policy", "policy.yaml"], {2}), ("facts.jsonl", ["run", "plan.yaml"], {2}),
        ("outputs.jsonl", ["run", "plan.yaml"], {2}), ("key", ["seal", "a", "--again", "--key", "key"], {2}),
        ("key.pub", ["verify", "a", "--public", "key.pub"], {2}), ("audit.zip", ["verify", "audit.zip"], {2}),
        ("audit.zip", ["import", "audit.zip", "--into", "new"], {2}),
        *((f"audits/a/{name}", ["verify", "a"], {2, 4}) for name in (
            "record.json", "run.json", "plan.json", "reviews.jsonl", "seal.json", "items/facts.parquet",
        )),
        ("audits/a/reviews.jsonl", ["review", "a", "--comment", "x", "--author", "Kim"], {2, 4}),
        ("audits/a/record.json", ["report", "a"], {2, 4}), ("audits/a/run.json", ["judge", "a"], {2, 4}),
    ],
)
def test_a_pipe_or_a_device_is_no_input(site, kind, file, words, codes):
    Path(file).unlink()
    os.mkfifo(file) if kind == "pipe" else Path(file).symlink_to("/dev/zero")
    code, said = child(words, lambda: None)
    assert code in codes, (code, said)
    told_once(said)


def test_an_output_that_is_a_folder_or_lies_in_a_file_is_one_line(site):
    for words in (
        ["report", "a", "--out", "audits"], ["judge", "a", "--out", "audits"], ["run", "plan.yaml", "--into", "key"],
        ["init", "key/new.yaml"], ["report", "a", "--out", "key/x.html"],
    ):
        code, said = child(words, lambda: None)
        assert code == 2, (words, said)
        told_once(said)
    is_whole()
