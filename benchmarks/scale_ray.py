"""Ray: speed-up over workers where a model is slow, and what a shard costs beyond one process.

    speed-up = rate of W workers / rate of one        rate = (calls - W) / (last call begins - first call begins)

An endpoint answers each call after a fixed time, workers ask one thing at a time. One worker is timed on a part of the
calls, as its rate is that of any part. Both rates are those of the calls themselves, from the first to the last; how
long all took, with the start of Ray and of its workers, stands beside them. The overhead of a shard is the slope of
processor time over the number of shards, of the audit and its workers together, less that of the same audit alone.

`python benchmarks/scale.py ray [CALLS]`, 2,000 calls unless told otherwise; 0 leaves the speed-up out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scale_shards import FEW, ITEMS, MANY, check_of, fast_plan

from audit.execute import RayExecutor, RunCallbacks, run
from audit.models.endpoint import OpenAIEndpoint
from audit.plan import Plan

__all__ = ["main"]

WORKERS, PART, SHARD, DELAY = 8, 100, 10, 0.2
GOAL = 20.0
"""Milliseconds of processor time that a shard may cost more on Ray."""

_SERVER = """
import http.server, json, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        begun = time.time()
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = body["messages"][-1]["content"]
        time.sleep(float(sys.argv[1]))
        choice = {"index": 0, "message": {"role": "assistant", "content": "answer"}, "finish_reason": "stop"}
        data = json.dumps({"model": body["model"], "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(data)
        if "number" in prompt:
            print(begun, file=log, flush=True)

    def log_message(self, *words):
        pass

log = open(sys.argv[2], "a")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def main(words: Sequence[str] = ()) -> int:
    """Print speed-up and overhead; 1 where one misses what is promised."""
    calls = int(words[0]) if words else 2000
    with tempfile.TemporaryDirectory() as home, RayExecutor():
        speed = _speed(Path(home), calls) if calls else WORKERS
        cost = _overhead(Path(home))
    return int(speed < 0.9 * WORKERS or cost >= GOAL)


def _speed(home: Path, calls: int) -> float:
    rates = {}
    for workers, count in ((1, PART), (WORKERS, calls)):
        with _endpoint(home / f"calls-{workers}") as url:
            begun = time.perf_counter()
            audit = run(_slow(home, url, count), into=home / f"w{workers}", on=RayExecutor(models=workers + 1))
            whole = time.perf_counter() - begun
        times = sorted(map(float, (home / f"calls-{workers}").read_text().split()))
        rates[workers] = (len(times) - workers) / (times[-1] - times[0])
        assert len(times) == audit.run.calls_asked == count
        print(f"{workers} workers: {count:,} calls, {rates[workers]:.2f} a second, {whole:.1f} s in all", flush=True)
    speed = rates[WORKERS] / rates[1]
    print(f"speed-up {speed:.2f} of {WORKERS}: {100 * speed / WORKERS:.1f} % of linear (promised: 90 %)")
    return speed


@contextmanager
def _endpoint(log: Path) -> Iterator[str]:
    server = subprocess.Popen([sys.executable, "-c", _SERVER, str(DELAY), str(log)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def _slow(home: Path, url: str, count: int) -> Plan:
    model = OpenAIEndpoint(url, "slow", concurrency=1)
    return Plan("Slow", (check_of(home, count),), model=model, shard=SHARD)


def _overhead(home: Path) -> float:
    """Return milliseconds of processor time that a shard costs more than in one process."""
    used: dict[str, list[float]] = {"here": [], "ray": []}
    for shards in (FEW, MANY):
        plan = fast_plan(home, shards)
        for name in used:
            used[name].append(_processor_time(plan, home / f"{name}-{shards}", RayExecutor(models=3), name == "ray"))
    here, ray = (1000 * (many - few) / (MANY - FEW) for few, many in used.values())
    print(f"a shard of {ITEMS} items: {here:.1f} ms of processor time here, {ray:.1f} ms on Ray (audit and workers)")
    print(f"overhead of a shard: {ray - here:.1f} ms (promised: under {GOAL:g} ms)")
    return ray - here


def _processor_time(plan: Plan, into: Path, executor: RayExecutor, on_ray: bool) -> float:
    """Return seconds of this process and of its workers, whose end they do not see."""
    workers: list[float] = []
    before = time.process_time()
    watch = RunCallbacks(on_finding=lambda finding: workers.append(_of_workers()))
    run(plan, into=into, on=executor if on_ray else None, watch=watch)
    return time.process_time() - before + (workers[0] if on_ray else 0)


def _of_workers() -> float:
    """Return seconds of processor time of all workers that hold models on this machine."""
    ticks = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(b"ray::Holder"):
                ticks += sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:13]))
        except OSError:
            continue
    return ticks / os.sysconf("SC_CLK_TCK")
