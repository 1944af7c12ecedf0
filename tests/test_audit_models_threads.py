"""Threads: what the process may use, read from files that look like the kernel's, and torch's own number otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from audit.models.threads import set_threads
from audit.processor import granted, multiplies_bfloat16

THERE = len(os.sched_getaffinity(0))


@pytest.fixture
def threads_afterwards():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_wanted_number_is_taken(threads_afterwards):
    assert set_threads(3) == 3 == torch.get_num_threads()


def test_else_never_more_than_the_process_may_use(threads_afterwards):
    torch.set_num_threads(64)
    assert set_threads(None) == granted() <= THERE


@pytest.mark.parametrize(
    ("quota", "allowed"), [("max 100000", THERE), ("100000 100000", 1), ("20000 100000", 1), ("nonsense", THERE)]
)
def test_the_quota_of_a_control_group_counts(tmp_path, quota, allowed):
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert granted(tmp_path) == allowed


@pytest.mark.parametrize(("quota", "allowed"), [("-1", THERE), ("150000", min(2, THERE))])
def test_so_does_that_of_the_first_version(tmp_path, quota, allowed):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert granted(tmp_path) == allowed


def test_without_control_groups_the_processors_count(tmp_path):
    assert granted(tmp_path) == THERE


@pytest.mark.parametrize(("given", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_the_command_lets_waiting_threads_sleep_unless_told_otherwise(given, policy):
    code = "import atexit, os\natexit.register(lambda: print(os.environ['OMP_WAIT_POLICY']))\n"
    code += "from audit.cli.app import main\nmain()"
    kept = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    done = subprocess.run([sys.executable, "-c", code, "--help"], env=kept | given, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == policy


@pytest.mark.parametrize(
    ("flags", "has"), [("sse avx512_bf16", True), ("asimd bf16 i8mm", True), ("sse avx_bf16_soon", False), ("", False)]
)
def test_whole_words_of_the_processor_tell_of_bfloat16(tmp_path, flags, has):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\n")
    assert multiplies_bfloat16(tmp_path / "cpuinfo") is has
    assert not multiplies_bfloat16(tmp_path / "nothing")
