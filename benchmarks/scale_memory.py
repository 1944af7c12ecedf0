"""Memory and processor seconds of `dokimasia run` on tables: a process of its own for each plan, imports included.

    python benchmarks/scale.py memory [ROWS]       ROWS is 1e7 if not given, for which the goal of 2 GB is

A Parquet table of two sensitive columns, a region, an age, a label, a decision and a score is audited as data
(`bias.data`), by its decisions (`bias.decisions`) and, as scores of another tool, by `imported.scores`. Disk is what
the audit's folder takes. Rows are drawn by one seed, so that a later version is asked the same.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tables import finish, show

GOAL = 2_000
"""MB of a process at its peak, however many rows up to 1e7."""
_AT_ONCE = 1 << 18
PLANS = {
    "bias.data": '{use: bias.data, sensitive: [sex, race], label: label, features: [region, age]}',
    "bias.decisions": "{use: bias.decisions, sensitive: [sex, race], label: label, decision: decision, score: score}",
    "imported.scores": "{use: imported.scores}",
}  # fmt: skip
"""Probe -> what the plan says of it."""
_FIELDS = {"imported.scores": ", fields: {group: race}"}


def table(path: Path, rows: int) -> None:
    """Write the table, some rows at a time."""
    rng, writer = np.random.default_rng(0), None
    for start in range(0, rows, _AT_ONCE):
        part = _rows(rng, min(_AT_ONCE, rows - start))
        writer = writer or pq.ParquetWriter(path, part.schema, compression="zstd")
        writer.write_table(part)
    assert writer is not None
    writer.close()


def _rows(rng: np.random.Generator, count: int) -> pa.Table:
    def words(*values: str) -> pa.Array:
        places = pa.array(rng.integers(0, len(values), count), pa.int32())
        return pa.DictionaryArray.from_arrays(places, pa.array(values)).cast(pa.string())

    score = np.round(rng.random(count), 4)
    return pa.table({
        "sex": words("female", "male"), "race": words("asian", "black", "other", "white"),
        "region": words("east", "north", "south", "west"), "age": rng.integers(18, 90, count),
        "label": (rng.random(count) < score).astype(np.int64), "decision": (score > 0.5).astype(np.int64),
        "score": score, "status": words("scored"),
    })  # fmt: skip


def audited(folder: Path, probe: str) -> tuple[float, float, float]:
    """Return (MB at the peak, processor seconds, MB on disk) of one audit of the table, by a process of its own."""
    plan, into = folder / f"{probe}.yaml", folder / probe
    plan.write_text(
        f"title: Rows\nchecks:\n  - name: rows\n    probe: {PLANS[probe]}\n"
        f"    data: {{use: file, path: rows.parquet{_FIELDS.get(probe, '')}}}\n"
    )
    child = os.posix_spawn(
        sys.executable, [sys.executable, "-m", "audit", "run", str(plan), "--into", str(into)], os.environ
    )
    _, status, used = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, probe
    disk = sum(path.stat().st_size for path in into.rglob("*") if path.is_file())
    return used.ru_maxrss / 1024, used.ru_utime + used.ru_stime, disk / 2**20


def main(rest: list[str]) -> int:
    """Print the table of plans; the exit code counts a missed goal."""
    rows = int(float(rest[0])) if rest else 10_000_000
    wanted = rest[1:] or list(PLANS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table(folder / "rows.parquet", rows)
        told = []
        for probe in wanted:
            peak, seconds, disk = audited(folder, probe)
            told.append((
                f"{probe:16} {peak:9.0f} MB {seconds:9.1f} s {1e6 * seconds / rows:9.1f} s {disk:9.0f} MB",
                peak <= GOAL,
            ))  # fmt: skip
    header = f"{'plan':16} {'peak':>12} {'processor':>11} {'per 1e6 rows':>11} {'on disk':>12}   goal {GOAL:,} MB"
    show(f"{rows:,} rows of a table", header, told)
    return finish()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
