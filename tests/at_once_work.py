"""What the tests of audits at once have other processes do, which import this and little else."""

import os
import signal
import sys
import time

from audit.errors import AbilityError, DataError, LibraryError, PlanError

RAISED = {
    "ability": AbilityError("m", "log_prob", "it has {none}"),
    "library": LibraryError("no {x}", library="x", extra="y"),
    "plan": PlanError(["a.yaml:1:2: no {key}", "a.yaml:2:1: no"]),
    "data": DataError("{file}: missing", file="{a}.csv"),
}


def twice(number):
    print(f"begun {number}")
    print(f"noted {number}", file=sys.stderr)
    time.sleep(0.05)
    print(f"done {number}")
    return 2 * number, os.getpid()


def failing(kind):
    if kind == "late":
        time.sleep(600)
    raise RAISED[kind]


def killed(number):
    os.kill(os.getpid(), signal.SIGKILL)
