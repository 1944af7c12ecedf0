"""The command `import-results`: what another tool's log holds, and a plan that audits it; no model is opened."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.cli.options import AsJson
from audit.errors import UsageError, clean

if TYPE_CHECKING:
    from audit.importers import Contents

__all__ = ["import_results"]

Tool = Annotated[
    str | None, typer.Option(help="Which importer reads it (`dokimasia parts importers`); default: who knows it.")
]


def import_results(
    log: Annotated[Path, typer.Argument(help="A log of another tool: a file, or the folder of a run.")],
    tool: Tool = None,
    into: Annotated[Path | None, typer.Option(help="Plan file to write, with a check for each scorer.")] = None,
    run: Annotated[bool, typer.Option("--run", help="Run that plan at once, into the folder `audits`.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a log of Inspect AI, lm-eval, garak, promptfoo, ... holds; write a plan that audits it."""
    from audit.importers import open_log, plan_for

    if run and into is None:
        raise UsageError("import-results: --run goes with --into, the plan that is run")
    if into is not None and os.path.lexists(into):
        raise UsageError(f"{into}: there already; name another file")
    opened = open_log(log, tool)
    contents = opened.contents()
    if not (run and as_json):
        print(json.dumps(contents.as_json()) if as_json else "\n".join(_lines(contents)))
    if into is not None:
        _write(into, plan_for(contents, os.path.relpath(log.absolute(), into.absolute().parent), opened.importer))
        if run:
            from audit.cli.running import run_plan

            run_plan([into], as_json=as_json)
        elif not as_json:
            print(f"{into}\nset limits in it, then run it with: dokimasia run {into}")


def _write(into: Path, plan: str) -> None:
    from audit.cli.schemas import json_schema
    from audit.files import write_atomic

    write_atomic(into.parent / "plan.schema.json", f"{json_schema('plan')}\n".encode())
    write_atomic(into, plan.encode())


def _lines(contents: Contents) -> Iterator[str]:
    """Yield a line on the log and one on each task and scorer."""
    told = contents.as_json()
    yield clean(f"{told['tool']} {told['version'] or '(version not told)'}, model {told['model'] or 'not told'}")
    for row in told["scores"]:
        yield clean(f"{row['task']}, {row['scorer']}: {', '.join(_facts(row))}")
    for task, scorer in told["without_items"]:
        yield clean(f"{task}, {scorer}: the tool states a mean, and the log holds no answer")


def _facts(row: dict[str, Any]) -> Iterator[str]:
    repeated = row["answers"] > row["items"]
    yield f"{row['items']:,} items" + (f" in {row['answers']:,} answers" if repeated else "")
    lost = [f"{row[status]:,} {status}" for status in ("error", "unscored", "invalid") if row.get(status)]
    yield f"without a score: {', '.join(lost)}" if lost else "all scored"
    if row["mean"] is not None:
        stated = row["stated"]
        yield f"mean {row['mean']:.4g}" + ("" if stated is None else f" (the tool says {stated['value']:.4g})")
    if row["passed"] is not None:
        yield f"{row['passed']:,} pass"
    yield "direction not told" if row["direction"] is None else f"{row['direction']} is better"
    if row["assumed_threshold"] is not None:
        yield f"counted from {row['assumed_threshold']:g} on, the tool's default, as the log states no threshold"
