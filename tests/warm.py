"""The command `dokimasia` without the second that its imports take: a process that has made them forks, and runs it.

    with warm(folder, NO_COLOR="1") as program:     # to be run as `dokimasia` is: with words, files, folder, variables
        subprocess.run([program, "run", "plan.yaml"], env=...)

The fork runs what the installed script does, and ends as it does; who kills the program kills the fork. Where the
variables that Python, locale or terminal look at when a process starts are not the ones of the process that forks, the
installed script itself is run. For tests of what a command does; of how it starts, is interrupted, and of what it
imports, others start it anew.
"""

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

COMMAND = Path(sys.executable).with_name("dokimasia")
MODULES = (
    "audit.cli.app", "audit.cli.closing_table", "audit.cli.described", "audit.cli.screen", "audit.cli.several",
    "audit.compare", "audit.execute", "audit.integrity", "audit.policy", "audit.reference",
    "cryptography.hazmat.primitives.asymmetric.ed25519", "cryptography.hazmat.primitives.serialization.ssh",
    "detectors.clustered", "detectors.differences", "detectors.factuality.correctness", "detectors.factuality.refusals",
    "detectors.intervals", "detectors.power", "detectors.ranking", "detectors.sequential", "email.parser", "jinja2",
    "pandas", "pyarrow.csv", "pyarrow.pandas_compat", "pyarrow.parquet", "pyarrow.vendored.version",
    "pydantic.type_adapter", "reports.documents.html_report", "reports.documents.index_page",
    "reports.documents.judgement_files", "reports.views", "scipy.optimize", "sqlite3", "threadpoolctl",
    "typer._adapters", "typer._click.decorators",
)
"""What commands import beside our parts, torch and its like left out."""
KEPT = ("PYTHON", "LC_", "LANG", "COLUMNS", "LINES", "TERM", "NO_COLOR", "FORCE_COLOR", "TZ", "OMP_NUM_")
"""Starts of the names of variables that are read once."""


@contextmanager
def warm(folder: Path, **more: str) -> Iterator[Path]:
    """Yield the path of a program, made in a folder, that does what `dokimasia` does; `more` goes into variables."""
    import subprocess  # here, as the program itself does without
    import tempfile

    with tempfile.TemporaryDirectory() as short:  # the address of a socket has a hundred letters at most
        program, door = folder / "dokimasia", f"{short}/door"
        program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -ISE '{__file__}' '{door}' \"$@\"\n")
        program.chmod(0o755)
        forks = [sys.executable, __file__, door]
        with subprocess.Popen(forks, env={**os.environ, **more}, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            try:
                yield program
            finally:
                process.kill()


def import_all() -> None:
    """Import what commands import, the light modules of all parts of ours among it."""
    from importlib.metadata import entry_points

    groups = sorted(group for group in entry_points().groups if group.startswith("dokimasia."))
    parts = [point.module for group in groups for point in entry_points(group=group)]
    for module in (*MODULES, *(name for name in parts if name.startswith(("audit.", "dashboard.", "reports.")))):
        import_module(module)
    import_module("audit.cli.app")._command()  # the tree of commands, which forks have then too


def make_all() -> None:
    """Make what commands make when they first want it, and what hangs on no file or variable of theirs."""
    from pydantic import BaseModel

    from audit import plugins
    from reports.documents.templating import environment
    from reports.text import words_of

    models = BaseModel.__subclasses__()
    for model in models:  # which grows
        models += model.__subclasses__()
        if model.__module__.startswith("audit."):
            model.model_rebuild()
    plugins.names("probes")
    words_of("en")
    for name in environment().list_templates(["j2"]):
        environment().get_template(name)


def ask(door: str, words: list[str]) -> int:
    """Have the command run with our files, folder and variables; returns its exit code, negative for a signal."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(door)
        told = json.dumps([str(Path.cwd()), dict(os.environ), words]).encode()
        socket.send_fds(line, [len(told).to_bytes(8, "big")], [0, 1, 2])
        line.sendall(told)
        return int(line.makefile().readline())


def wait_for_calls(door: str) -> list[str]:
    """Answer calls until killed; returns in the fork that is to be the command, with its words."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(door)
    listener.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    while True:
        line, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            return attend(line)
        line.close()


def attend(line: socket.socket) -> list[str]:
    """Become the command; the process between waits for it and tells its end, and kills it where nobody listens."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, files, _, _ = socket.recv_fds(line, 8, 3)
    folder, env, words = json.loads(line.makefile("rb").read(int.from_bytes(size, "big")))
    if command := os.fork():
        threading.Thread(target=lambda: line.recv(1) or os.kill(command, signal.SIGKILL), daemon=True).start()
        code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
        with suppress(BrokenPipeError):
            line.sendall(b"%d\n" % code)
        os._exit(0)
    line.close()
    for number, (file, name) in enumerate(zip(files, ("stdin", "stdout", "stderr"), strict=True)):
        os.dup2(file, number)
        os.close(file)
        former = getattr(sys, name)
        options = {"encoding": former.encoding, "errors": former.errors, "closefd": False}
        setattr(sys, name, os.fdopen(number, "w" if number else "r", **options))
    same = _of_start(os.environ) == _of_start(env)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    if not same:
        os.execv(COMMAND, [str(COMMAND), *words])
    return words


def _of_start(env) -> dict[str, str]:
    return {name: value for name, value in env.items() if value and name.startswith(KEPT)}


def main() -> None:
    """Ask as the program does, or be the process that forks."""
    door, *words = sys.argv[1:]
    if sys.flags.isolated:
        code = ask(door, words)
        os.kill(os.getpid(), -code) if code < 0 else sys.exit(code)
    import gc

    sys.path[0] = str(COMMAND.parent)  # as where the installed script is run
    import_all()
    make_all()
    from audit.__main__ import start

    gc.freeze()
    sys.argv = [str(COMMAND), *wait_for_calls(door)]
    try:
        start()
    except SystemExit as end:
        end_at_once(end.code)
        raise


def end_at_once(code: int) -> None:
    """End as any program does, but free nothing: it is shared with who forked us, and copying it takes 0.1 s."""
    import atexit

    threading._shutdown()
    with suppress(OSError, ValueError):  # who no longer reads is told of in the usual way
        sys.stdout.flush()
        sys.stderr.flush()
        atexit._run_exitfuncs()
        os._exit(code)


if __name__ == "__main__":
    main()
