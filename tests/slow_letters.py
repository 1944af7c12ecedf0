"""A plan whose model writes down each shard that it is asked; as a program: `slow_letters.py INTO LOG STOP`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audit.data.tabular import Builtin
from audit.execute import RunCallbacks, run
from audit.files import sha256
from audit.plan import Check, Plan
from audit.probes.bias.stereotype_pairs import StereotypePairs


class Letters:
    """A model whose log probability of a text is made from its digest."""

    name, family, modality, fingerprint = "letters", "letters", "text", "sha256:letters"

    def __init__(self, log: Path, stop: int = 10**6) -> None:
        """`stop`: the shard at which it hangs."""
        self._log, self._left = log, stop

    def log_prob(self, items: Sequence[Any]) -> tuple[np.ndarray, str]:
        with self._log.open("a") as log:
            log.write(f"{sha256(repr(list(items)).encode())}\n")
        self._left -= 1
        if self._left == 0:
            time.sleep(600)
        return np.array([-int(sha256(repr(item).encode())[7:11], 16) / 1000 for item in items]), "exact"


def plan(log: Path, stop: int = 10**6, limit: int = 96) -> Plan:
    """A plan of `limit` pairs in shards of 8."""
    data = {"items": Builtin(name="stereotype_pairs")}
    model = Letters(log, stop)
    return Plan(title="Letters", checks=(Check("pairs", StereotypePairs(), data),), model=model, limit=limit, shard=8)


def asked(log: Path) -> list[str]:
    """Return the digests of the shards that the model was asked, in order."""
    return log.read_text().split() if log.exists() else []


if __name__ == "__main__":
    into, log, stop = sys.argv[1:]
    told = RunCallbacks(on_remark=lambda line: print(line, flush=True))
    print(run(plan(Path(log), int(stop)), into=into, watch=told).folder)
