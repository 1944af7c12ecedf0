"""A folder of audits for the tests of the dashboard: finished, hostile, with pictures, running, unreadable, empty."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from report_fixtures import ModelRecord, finding, hostile, mixed, rate, real, write_audit

from audit.files import digest_file, sha256, write_atomic
from audit.record import Evidence, Limit, RunFacts, dump
from dashboard.trust import all_looked_at, trust_of

FIRST, SECOND, PICTURES, HOSTILE, EMPTY = (
    "aaaa000000000001", "bbbb000000000002", "cccc000000000003", "dddd000000000004", "eeee000000000005",
)
RUNNING, UNREADABLE = "ffff000000000006", "0000000000000007"
VAE = ModelRecord(
    name="digits-vae", family="vae", modality="image", fingerprint=sha256(b"vae"), abilities=["decode", "encode"]
)


def make_home(home: Path) -> Path:
    """Write one audit of each kind; the folders' names are the constants above, the first written last."""
    make_unreadable(home)
    make_running(home)
    mixed(home / EMPTY, 0)
    hostile(home / HOSTILE)
    make_pictures(home)
    make_second(home)
    mixed(home / FIRST, 14)
    write_atomic(home / FIRST / "run.json", dump(run_facts()))
    for age, name in enumerate((FIRST, SECOND, PICTURES, HOSTILE, EMPTY)):
        os.utime(home / name / "record.json", (1_700_000_000 - age, 1_700_000_000 - age))
    return home


def looked_at(*names: str) -> None:
    """Wait until it is known how far these audits can be trusted."""
    for name in names:
        trust_of(name)
    all_looked_at()


def make_second(home: Path) -> None:
    """The same audit with fewer checks, and with another value for the first three items of `facts`."""
    audit = mixed(home / SECOND, 10)
    path = home / SECOND / "items" / "facts.parquet"
    frame = pd.read_parquet(path)
    frame.loc[:2, "value"] = 1 - frame.loc[:2, "value"]
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    pinned = [Evidence(path="items/facts.parquet", sha256=digest_file(path))]
    findings = [
        one.model_copy(update={"evidence": pinned}) if one.check == "facts" else one for one in audit.record.findings
    ]
    write_atomic(home / SECOND / "record.json", dump(audit.record.model_copy(update={"findings": findings, "seed": 8})))


def pictures_frame() -> pd.DataFrame:
    """Forty ramps of 4 x 6 levels, and series of 20 steps; every fourth item is a failure."""
    numbers = np.arange(40)
    return pd.DataFrame(
        {
            "item": [f"i{number}" for number in numbers],
            "image": [(np.arange(24).reshape(4, 6) + number).tolist() for number in numbers],
            "series": [np.sin(np.arange(20) + number).tolist() for number in numbers],
            "group": [str(number % 3) for number in numbers],
            "outcome": ["wrong" if number % 4 == 0 else "right" for number in numbers],
            "value": (numbers % 4 == 0).astype(float),
            "against": numbers % 4 == 0,
        }
    )


def make_pictures(home: Path) -> None:
    """An audit of an image model whose items are drawn, and one check with a table."""
    shares = [rate("miss_share", 10, 40), *(rate("miss_share", 3, 13, group=str(group)) for group in range(3))]
    curve = pd.DataFrame({"threshold": [0.1, 0.2], "false_alarms": [0.5, 0.25]})
    checks = [
        finding("unseen", "failed", "miss share is 25 %.", probe="novelty.likelihood", measures=shares,
                limit=Limit(measure="miss_share", at_most=0.1), controls={"positive": True, "negative": True}),
        finding("curve", "measured", "auroc is 0.8.", probe="novelty.likelihood", gating=False,
                measures=[real("auroc", 0.8, 0.1, 40, unit="score")]),
    ]
    folder = home / PICTURES
    audit = write_audit(folder, checks, items={"unseen": pictures_frame()}, title="Unseen digits", models={"main": VAE})
    pq.write_table(pa.Table.from_pandas(curve), folder / "items" / "curve.table.parquet")
    pinned = [Evidence(path="items/curve.table.parquet", sha256=digest_file(folder / "items" / "curve.table.parquet"))]
    findings = [audit.finding("unseen"), audit.finding("curve").model_copy(update={"evidence": pinned})]
    write_atomic(folder / "record.json", dump(audit.record.model_copy(update={"findings": findings})))


def make_running(home: Path, answers: int = 37, name: str = RUNNING) -> None:
    """An audit with a plan and some answers, of which the last line was torn by a kill."""
    folder = home / name
    checks = [
        {"name": "stereotypes", "probe": {"use": "bias.stereotype_pairs"}},
        {"name": "facts", "probe": {"use": "factuality.closed_book"}},
    ]
    (folder / "observations").mkdir(parents=True, exist_ok=True)
    (folder / "observations" / "stereotypes.items.parquet").touch()
    (folder / "plan.json").write_text(json.dumps({"title": "Nightly check", "checks": checks}))
    line = json.dumps({"path": "observed/a/b.parquet", "sha256": "sha256:0"})
    (folder / "journal.jsonl").write_text(f"{line}\n" * answers + line[:9])


def make_unreadable(home: Path) -> None:
    """A record that was cut in the middle."""
    (home / UNREADABLE).mkdir(parents=True)
    (home / UNREADABLE / "record.json").write_text('{"schema": 1, "title": "cut')


def run_facts() -> RunFacts:
    """Facts of a run, told nowhere but on the screen."""
    return RunFacts(
        started="2026-01-02T03:04:05+00:00", finished="2026-01-02T03:05:05+00:00", seconds=60.0, host="bench",
        platform="Linux", python="3.11.7", versions={"numpy": "2.4.6"}, command="dokimasia run plan.yaml", calls=600,
    )


_START = """
import sys
from pathlib import Path
from dashboard.commands import show
show(Path(sys.argv[1]), 0, "127.0.0.1", sys.argv[2])
"""


@contextmanager
def serving(home: Path, lang: str = "en", **more: str) -> Iterator[str]:
    """The command `dokimasia show` at work on a folder, on a free port; gives the address that it prints.

    `more` goes into its environment.
    """
    program = [sys.executable, "-c", _START, str(home), lang]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "env": {**os.environ, **more}}
    with subprocess.Popen(program, text=True, **quiet) as process:
        try:
            address = process.stdout.readline().strip()
            _wait_for(address)
            yield address
        finally:
            process.terminate()
            process.wait(20)


def _wait_for(address: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with urlopen(f"{address}_stcore/health"):
                return
        except URLError:
            time.sleep(0.1)
    raise TimeoutError(f"{address}: the dashboard did not come up")
