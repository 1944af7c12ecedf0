"""An audit of a local model speaks to nobody: no name is looked up and no connection begun, in any of its processes."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

HOOK = '''\
import os
import sys

REACHES = {"connect", "sendto", "sendmsg", "getaddrinfo", "gethostbyname", "gethostbyaddr", "getnameinfo"}


def tell(event, args):
    room, _, what = event.partition(".")
    if (room, what in REACHES) == ("socket", True):
        with open(os.environ["REACHED"], "a") as file:
            file.write(f"{what} {args[-1]}\\n")


sys.addaudithook(tell)
'''
PLAN = """
title: A language model and its pairs
model: {{use: causal_lm, path: {folder}}}
checks:
  - name: pairs
    probe: {{use: bias.stereotype_pairs}}
    data: {{use: builtin, name: stereotype_pairs}}
    limit: {{measure: stereotype_share, at_most: 0.9}}
"""


OPENED = """\
import logging
import sys

from audit import open_model
from audit.__main__ import start

logging.basicConfig()
open_model("causal_lm", path=sys.argv.pop(1), threads=1)
print("opened", file=sys.stderr, flush=True)
print("opened", flush=True)
start()
"""
"""Open a model, and then be the command in the same process: torch and transformers take seconds to import."""


def heard(home: Path, *words: str | Path, first: str = "") -> list[str]:
    """Return what Python with these arguments, and what it starts, reached for; it must end with a verdict.

    Before all else it says `first`, in both outputs.
    """
    (home / "sitecustomize.py").write_text(HOOK)
    path = os.pathsep.join([str(home), str(ROOT), os.environ.get("PYTHONPATH", "")])
    log = home / "reached"
    log.write_text("")
    done = subprocess.run(
        [sys.executable, *words], cwd=home, env=os.environ | {"PYTHONPATH": path, "REACHED": str(log)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1, 3), done.stderr
    assert done.stdout.startswith(first), done.stdout
    assert done.stderr.startswith(first), done.stderr
    return log.read_text().splitlines()


def test_an_audit_and_its_reports_reach_for_nobody_and_opening_a_model_shows_nothing_that_libraries_say(
    tmp_path, tiny_lm
):
    """transformers imports torchao where it is installed, and torch warns of it, whatever the model."""
    (tmp_path / "plan.yaml").write_text(PLAN.format(folder=tiny_lm))
    words = "-c", OPENED, tiny_lm, "run", "plan.yaml", "--into", "audits"
    assert heard(tmp_path, *words, first="opened\n") == []
    (record,) = tmp_path.glob("audits/*/record.json")
    assert heard(tmp_path, "-m", "audit", "report", record.parent.name) == []
    assert list(record.parent.glob("reports/*.html"))


def test_whoever_reaches_out_is_heard_in_a_process_of_its_own_too(tmp_path):
    reach = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
    within = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {reach!r}], check=True)"
    assert heard(tmp_path, "-c", within) == ["connect ('127.0.0.1', 9)"]
