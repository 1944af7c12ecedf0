"""An endpoint of fixed latency: 2,000 calls with 8 and 32 in flight, an eighth of them one after another.

For each: seconds, calls a second, the share of the linear speed-up (1 = as if only latency counted), CPU of a call in
the client, and the same with limits, price, budget and a file of what was spent. The server answers from a process of
its own after 200 ms (`--latency`), whatever it is asked. `--calls 200` is quick.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import socket
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from audit.ask import Spending
from audit.models.remote.meter import Terms
from audit.models.remote.transport import Failure, Transport
from audit.models.remote.wire import draw
from audit.prices import Budget, Price

USAGE = {"prompt_tokens": 12, "completion_tokens": 4}
ANSWER = json.dumps({"choices": [{"text": "yes", "finish_reason": "stop"}], "usage": USAGE}).encode()


def serve(listener: socket.socket, latency: float) -> None:
    """Answer every question after so many seconds."""

    async def answer(request: Request) -> Response:
        await request.body()
        await asyncio.sleep(latency)
        return Response(ANSWER, media_type="application/json")

    app = Starlette(routes=[Route("/v1/completions", answer, methods=["POST"])])
    uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run(sockets=[listener])


def timed(url: str, calls: int, in_flight: int, **more: Any) -> tuple[float, float]:
    """Return (seconds, seconds of CPU) of asking so many questions."""
    sampling = {"max_tokens": 8, "temperature": 0}
    asked = [draw("m", f"question {k}", form="raw", system=None, seed=k, sampling=sampling) for k in range(calls)]
    options = {"key_name": "none", "concurrency": in_flight, "timeout": 60, "retries": 3}
    with closing(Transport(url, None, **options, **more)) as transport:
        transport.ask(asked[:in_flight])  # opens the connections
        begun, cpu = time.perf_counter(), time.process_time()
        answers = transport.ask(asked)
        spent = time.perf_counter() - begun, time.process_time() - cpu
    if any(isinstance(one, Failure) for one in answers):
        raise SystemExit("a question was not answered")
    return spent


def main(arguments: Sequence[str]) -> None:
    """Print a line for each number in flight, plain and metered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--latency", type=float, default=0.2)
    asked = parser.parse_args(arguments)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else the kernel holds each answer back for 40 ms
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    server = multiprocessing.get_context("fork").Process(target=serve, args=[listener, asked.latency], daemon=True)
    server.start()
    terms = Terms(1e6, 1e9, Price(1.0, 2.0, "USD"), Budget(10**6, 10**9, 1e6))
    print(f"{asked.calls:,} calls of {1000 * asked.latency:g} ms")
    print("in flight  metered  seconds  calls/s  of linear  CPU ms a call")
    with tempfile.TemporaryDirectory() as folder:
        for in_flight in (1, 8, 32):
            for metered in (False, True):
                kept = {"terms": terms, "account": Spending(Path(folder)).account(f"m{in_flight}")} if metered else {}
                calls = max(in_flight, asked.calls * in_flight // 8 if in_flight < 8 else asked.calls)
                seconds, cpu = timed(url, calls, in_flight, **kept)
                share = calls * asked.latency / in_flight / seconds
                row = f"{in_flight:>9}  {'yes' if metered else 'no':>7}  {seconds:>7.1f}  {calls / seconds:>7.1f}"
                print(f"{row}  {share:>9.3f}  {1000 * cpu / calls:>13.2f}")
    server.terminate()


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
