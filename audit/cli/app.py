"""The command `dokimasia`: results on stdout, progress and errors on stderr, exit codes that a script can rely on.

0 passed or measured   1 failed   2 usage or plan error   3 a gating check inconclusive or skipped
4 integrity failure    5 a gating check crashed, or the model or the object store is down
6 the budget of an endpoint is used up   130 interrupted
"""

from __future__ import annotations

import gc
import inspect
import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import TyperInfo

from audit import plugins
from audit.cli.groups import Command, Group
from audit.cli.terminal import standard_streams, tell
from audit.errors import UsageError, clean

__all__ = ["app", "execute", "main"]

_ABOUT = """Dokimasia (도키마시아): the scrutiny an Athenian passed before taking office, here for generative models.

Audits a model against a plan, leaves a record with every number's uncertainty, and says with its exit code whether the
model passed: 0 passed or measured, 1 failed, 2 usage or plan error, 3 undecided or not measurable, 4 integrity,
5 crashed, 6 budget used up, 130 interrupted.
"""


class _Commands(Group):
    """Every command that an installed package names, ours among them; only the one that is called is loaded."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the name, the command and the words that are left for it."""
        if args[0] in plugins.names("commands"):
            return args[0], _made(args[0]), args[1:]
        self._summed_up()
        return super().resolve_command(ctx, args)

    def get_help(self, ctx: Any) -> str:
        """Return the help; what the output cannot spell is spelt out, as it goes to it around our streams."""
        encoding = sys.stdout.encoding or "utf-8"
        return super().get_help(ctx).encode(encoding, "backslashreplace").decode(encoding)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command's summary; one that cannot be loaded is left out, and told."""
        self._summed_up()
        super().format_commands(ctx, formatter)

    def _summed_up(self) -> None:
        with plugins.importing():
            for name in plugins.names("commands"):
                try:
                    self.commands[name] = TyperCommand(name, **_summary(plugins.load("commands", name)))
                except UsageError as error:
                    print(f"dokimasia: left out: {clean(str(error))}", file=sys.stderr)


app = typer.Typer(
    name="dokimasia",
    cls=_Commands,
    help=_ABOUT,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
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
def _command() -> TyperGroup:
    return typer.main.get_group(app)


def _summary(part: Any) -> dict[str, Any]:
    """Return what a list says of a command: a function, or an app with commands of its own."""
    if not isinstance(part, typer.Typer):
        return {"help": inspect.getdoc(part)}
    told = typer.main.solve_typer_info_defaults(TyperInfo(part))
    return {key: getattr(told, key) for key in ("help", "short_help", "hidden", "deprecated")}


@cache
def _made(name: str) -> Any:
    """Return one of the commands with its options."""
    part, alone = plugins.load("commands", name), typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
    alone.add_typer(part, name=name) if isinstance(part, typer.Typer) else alone.command(name, cls=Command)(part)
    return typer.main.get_group(alone).commands[name]


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
    code = execute(sys.argv[1:])
    gc.freeze()  # what is left goes back to the system as it is: the search for rubbish in it takes a tenth of a second
    sys.exit(code)
