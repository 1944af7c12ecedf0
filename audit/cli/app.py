"""The command `dokimasia`: results on stdout, progress and errors on stderr, exit codes that a script can rely on.

0 passed or measured   1 failed   2 usage or plan error   3 a gating check inconclusive or skipped
4 integrity failure    5 a gating check crashed, or the model or the object store is down
6 the budget of an endpoint is used up   130 interrupted
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated

import typer

from audit import plugins
from audit.cli.terminal import standard_streams, tell
from audit.errors import UsageError, clean

__all__ = ["app", "execute", "main"]

_ABOUT = """Dokimasia (도키마시아): the scrutiny an Athenian passed before taking office, here for generative models.

Audits a model against a plan, leaves a record with every number's uncertainty, and says with its exit code whether the
model passed: 0 passed or measured, 1 failed, 2 usage or plan error, 3 undecided or not measurable, 4 integrity,
5 crashed, 6 budget used up, 130 interrupted.
"""

app = typer.Typer(
    name="dokimasia",
    help=_ABOUT,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"dokimasia {version('dokimasia')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
]


@app.callback(help=_ABOUT)
def _main(
    version: Version = False,
) -> None:
    pass


@cache
def _command() -> Callable[..., object]:
    """Return the command with every one that an installed package names, ours among them."""
    with plugins.importing():
        for name in plugins.names("commands"):
            try:
                part = plugins.load("commands", name)
                app.add_typer(part, name=name) if isinstance(part, typer.Typer) else app.command(name)(part)
            except UsageError as error:
                print(f"dokimasia: left out: {clean(str(error))}", file=sys.stderr)
    return typer.main.get_command(app)


def execute(words: Sequence[str]) -> int:
    """Run the command with these words and return its exit code; whatever happens is told in one line."""
    with standard_streams():
        try:
            code = _command()(words, prog_name="dokimasia", standalone_mode=False)
            sys.stdout.flush()
        except BaseException as error:
            return tell(error)
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command with the words of the command line, and leave with its exit code.

    Threads of torch that wait for one another sleep: awake, they take ten times as long where other work shares the
    processors (OpenMP reads the variable once, when torch is imported).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(execute(sys.argv[1:]))
