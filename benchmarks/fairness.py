"""MetricFrame on counts against fairlearn 0.15's own, in one process: CPU seconds, on values asserted equal first.

    rows            1,000,000, two features of ten texts each: 100 groups of unequal size and rates
    metrics         accuracy, selection rate, false-positive and false-negative rate
    asked for       every table: overall, by group, least, largest, both differences and ratios, and their intervals

fairlearn's time for 100 replicates is extrapolated from 2, as it takes a quarter of an hour. Memory is that of a fresh
process above what it has after its imports, at its highest, without and with the table itself. The streamed file is
written by chunks into a folder that is deleted.

    python benchmarks/fairness.py        about two minutes of one core
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fairlearn import metrics as fair
from sklearn.metrics import accuracy_score
from tables import finish, show

from detectors.bias.counts import CountTensor
from detectors.bias.metric_frame import MetricFrame

ROWS, LEVELS, STREAMED, CHUNK = 1_000_000, 10, 20_000_000, 1 << 20
METRICS = {
    "accuracy": accuracy_score, "selection_rate": fair.selection_rate, "fpr": fair.false_positive_rate,
    "fnr": fair.false_negative_rate,
}  # fmt: skip
TABLES: list[tuple[str, ...]] = [
    ("overall",), ("by_group",), ("group_min",), ("group_max",), ("difference", "between_groups"),
    ("difference", "to_overall"), ("ratio", "between_groups"), ("ratio", "to_overall"),
]  # fmt: skip
QUANTILES = [0.025, 0.5, 0.975]
BY = {"groups": ["s1", "s2"], "label": "y", "decision": "d"}


def table(rows: int, seed: int) -> pd.DataFrame:
    """Return rows of two features as texts, labels and decisions, with rates of their own in every group."""
    rng, world = np.random.default_rng(seed), np.random.default_rng(0)
    shares = [world.dirichlet(np.full(LEVELS, 4.0)) for _ in range(2)]
    base, hit, alarm = (world.uniform(*ends, LEVELS**2) for ends in ((0.2, 0.6), (0.6, 0.9), (0.05, 0.3)))
    first, second = (rng.choice(LEVELS, rows, p=share).astype(np.int8) for share in shares)
    group = first * np.int16(LEVELS) + second
    label = rng.random(rows) < base[group]
    decision = rng.random(rows) < np.where(label, hit[group], alarm[group])
    columns = {"s1": ("sex", first), "s2": ("race", second)}
    texts = {
        name: pd.Series(np.array([f"{word}_{i:02d}" for i in range(LEVELS)], dtype=object)[codes], dtype="str")
        for name, (word, codes) in columns.items()
    }
    return pd.DataFrame({**texts, "y": label.astype(np.int64), "d": decision.astype(np.int64)})


def tables_of(own: type, rows: pd.DataFrame, replicates: int = 0, **options: Any) -> list[Any]:
    """Return all tables of a class of frames, those of intervals after the others."""
    if replicates:
        options |= {"n_boot": replicates, "ci_quantiles": QUANTILES, "random_state": 7}
    frame = own(metrics=METRICS, y_true=rows["y"], y_pred=rows["d"], sensitive_features=rows[["s1", "s2"]], **options)
    return [*_read(frame, ""), *(one for tables in _read(frame, "_ci") for one in tables if replicates)]


def _read(frame: Any, suffix: str) -> Iterator[Any]:
    for name, *method in TABLES if frame.n_boot or not suffix else []:
        found = getattr(frame, name + suffix)
        yield found(*method) if callable(found) else found


def seconds(run: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """Return the least CPU seconds of so many runs, and what the last returned."""
    least, found = np.inf, None
    for _ in range(repeats):
        begun = time.process_time()
        found = run()
        least = min(least, time.process_time() - begun)
    return float(least), found


def against_fairlearn() -> Iterator[tuple[str, bool]]:
    """Yield the rows of ratios, each after its values were found equal."""
    rows = table(ROWS, seed=1)
    for own in (fair.MetricFrame, MetricFrame):
        tables_of(own, table(500, seed=2), 2)  # what is made once
    point, theirs = seconds(lambda: tables_of(fair.MetricFrame, rows))
    ours, found = seconds(lambda: tables_of(MetricFrame, rows), 7)
    _require_equal(found, theirs)
    yield _ratio("no intervals", point, ours, 400)

    two, theirs = seconds(lambda: tables_of(fair.MetricFrame, rows, 2))
    hundred = point + 50 * (two - point)
    _require_equal(tables_of(MetricFrame, rows, 2, rng="fairlearn"), theirs)
    ours, _ = seconds(lambda: tables_of(MetricFrame, rows, 100), 5)
    yield _ratio("100 replicates of counts (fairlearn from 2)", hundred, ours, 30_000)
    ours, _ = seconds(lambda: tables_of(MetricFrame, rows, 100, rng="fairlearn"), 2)
    yield _ratio("100 replicates, its own rows (fairlearn from 2)", hundred, ours, 1_200)


def absolute() -> Iterator[tuple[str, bool]]:
    """Yield the rows of fresh processes: a thousand replicates, and a file that is streamed."""
    told = _child("thousand")
    yield f"{'1,000 replicates, CPU seconds':48}{told['seconds']:>10.3f}{'< 0.25':>10}", told["seconds"] < 0.25
    yield f"{'  MiB above imports and table':48}{told['above_table']:>10.0f}{'< 64':>10}", told["above_table"] < 64
    yield f"{'  MiB above imports, with the table':48}{told['above_imports']:>10.0f}", True
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.parquet")
        written = _child("write", path)
        read = _child("stream", path)
        assert read["counts"] == written["counts"], "the streamed counts are others than those of the rows written"
    name = f"{STREAMED:,} rows from Parquet, MiB above imports"
    yield f"{name:48}{read['above_imports']:>10.0f}{'< 300':>10}", read["above_imports"] < 300
    yield f"{'  CPU seconds, reading included':48}{read['seconds']:>10.2f}", True


def thousand() -> dict[str, Any]:
    """Return CPU seconds and memory of a thousand replicates, in a process that has done nothing else."""
    imports = _resident()
    rows = table(ROWS, seed=1)
    tables_of(MetricFrame, table(500, seed=2), 2)
    held = _reset_peak()
    taken, _ = seconds(lambda: tables_of(MetricFrame, rows, 1000))
    peak = _peak()
    least, _ = seconds(lambda: tables_of(MetricFrame, rows, 1000), 5)
    return {"seconds": min(taken, least), "above_table": peak - held, "above_imports": peak - imports}


def write(path: Path) -> dict[str, Any]:
    """Write the file by chunks, and return the counts of its rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    total, writer = None, None
    for seed, start in enumerate(range(0, STREAMED, CHUNK)):
        rows = table(min(CHUNK, STREAMED - start), seed=100 + seed)
        part = CountTensor.from_rows(rows, **BY)
        total = part if total is None else total.merge(part)
        arrow = pa.Table.from_pandas(rows, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, arrow.schema)
        writer.write_table(arrow)
    assert writer is not None
    assert total is not None
    writer.close()
    return {"counts": total.counts.tolist()}


def stream(path: Path) -> dict[str, Any]:
    """Count the file in bounded memory."""
    from audit.files import read_batches

    imports = _reset_peak()
    begun = time.process_time()
    with path.open("rb") as file:
        tensor = CountTensor.from_rows(read_batches(file, ["s1", "s2", "y", "d"], 1 << 16), **BY)
    return {
        "counts": tensor.counts.tolist(), "seconds": time.process_time() - begun, "above_imports": _peak() - imports
    }  # fmt: skip


def _child(name: str, *paths: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, name, *map(str, paths)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def _ratio(name: str, theirs: float, ours: float, goal: int) -> tuple[str, bool]:
    told = f"{theirs / ours:,.0f}x"
    return f"{name:48}{theirs:>10.2f}{ours:>10.4f}{told:>10}{f'>= {goal:,}x':>12}", theirs / ours >= goal


def _require_equal(ours: list[Any], theirs: list[Any]) -> None:
    for one, two in zip(ours, theirs, strict=True):
        same = pd.testing.assert_frame_equal if isinstance(two, pd.DataFrame) else pd.testing.assert_series_equal
        same(one, two, check_exact=True)


def _status(key: str) -> float:
    line = next(one for one in Path("/proc/self/status").read_text("utf-8").splitlines() if one.startswith(key))
    return int(line.split()[1]) / 1024


def _resident() -> float:
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM")


def _reset_peak() -> float:
    """Forget the highest memory so far; returns that of now, in MiB."""
    Path("/proc/self/clear_refs").write_text("5", "utf-8")
    return _resident()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if len(sys.argv) > 1:
        alone = {"thousand": thousand, "write": write, "stream": stream}[sys.argv[1]]
        print(json.dumps(alone(*map(Path, sys.argv[2:]))))
        sys.exit()
    header = f"{'':48}{'fairlearn':>10}{'ours':>10}{'ratio':>10}{'goal':>12}"
    show(f"{ROWS:,} rows, 100 groups, 4 metrics: CPU seconds", header, against_fairlearn())
    show("in a process of its own", f"{'':48}{'measured':>10}{'goal':>10}", absolute())
    sys.exit(finish())
