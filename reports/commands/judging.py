"""The command `judge`: a stored audit against a policy, with an exit code and files for scripts.

Every start of the command imports this module, so that what only judging needs is imported inside. Neither torch nor
pandas is: what is judged are the stored intervals (only overridden items, where they count, are averaged again).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.cli.options import AsJson, AuditName, Into, PlanPath
from audit.cli.terminal import print_bytes
from audit.errors import UsageError, clean, did_you_mean

if TYPE_CHECKING:
    from audit.policy import Judgement
    from reports.documents.judgement_files import Places

__all__ = ["judge"]

_SIGNS = {"passed": "v", "failed": "x", "inconclusive": "?", "crashed": "!", "waived": "w"}


def judge(
    audit: AuditName,
    policy: Annotated[Path | None, typer.Option(help="Policy (YAML); absent = the plan's own limits.")] = None,
    baseline: Annotated[str | None, typer.Option(help="Earlier audit of the same plan; nothing may be worse.")] = None,
    on: Annotated[str | None, typer.Option(help="Day to judge on, as 2027-01-31, if no review is later.")] = None,
    format: Annotated[str, typer.Option(help="text, json, junit, sarif or summary (Markdown).")] = "text",
    out: Annotated[Path | None, typer.Option(help="Write the format to this file, and text to the terminal.")] = None,
    plan: PlanPath = "plan.yaml",
    into: Into = Path("audits"),
    as_json: AsJson = False,
) -> None:
    """Judge a stored audit against a policy, without the model; the exit code is the verdict's."""
    from audit.files import write_out
    from audit.integrity import check_each
    from audit.policy import baseline_of, judge_audit, load_policy
    from audit.record import load_record
    from audit.review import pull_reviews
    from audit.storage import find_audit
    from reports.documents.judgement_files import WRITERS, Places

    format, day = "json" if as_json and out is None else format, _day(on)
    if format != "text" and format not in WRITERS:
        raise UsageError(f"--format {format}{did_you_mean(format, ['text', *WRITERS])}")
    file = None if policy is None else load_policy(policy)
    found = load_record(find_audit(audit, into))
    pull_reviews(found)
    other = baseline_of(file, baseline, into)
    check_each((found,) if other is None else (found, other))
    judged = judge_audit(found, file, on=day, baseline=other)
    places = Places(plan, "policy.yaml" if policy is None else policy.as_posix())
    if out is not None:
        write_out(out, _written(judged, format, places))
        format = "json" if as_json else "text"
    shown = _written(judged, format, places)
    if format == "text":
        sys.stdout.write(shown.decode())
    else:
        print_bytes(shown)
    raise typer.Exit(judged.exit_code)


def _written(judged: Judgement, format: str, places: Places) -> bytes:
    from reports.documents.judgement_files import WRITERS
    from reports.text import words_of

    if format == "text":
        return ("\n".join(_lines(judged)) + "\n").encode()
    return WRITERS[format](judged, words_of("en"), places)


def _day(on: str | None) -> date:
    try:
        return date.today() if on is None else date.fromisoformat(on)
    except ValueError:
        raise UsageError(f"--on {on}: not a day; allowed: a date as 2027-01-31") from None


def _lines(judged: Judgement) -> Iterator[str]:
    """Yield one line a ruling, and the sentence that closes."""
    from audit.verdict import capitalised

    for one in judged.rulings:
        name = one.about if one.rule == "plan" else f"{one.rule} {one.about}"
        yield clean(f"{_SIGNS[one.verdict]} {name}: {one.verdict}. {capitalised(one.why)}")
    count = {word: sum(one.verdict == word for one in judged.rulings) for word in _SIGNS}
    told = ", ".join(f"{number} {word}" for word, number in count.items() if number) or "no rules"
    file = judged.policy
    by = "the plan's own limits" if file is None else f"{file.policy.title} ({file.sha256[:19]})"
    yield clean(f"{judged.verdict.capitalize()} by {by} on {judged.on}: {told}. {judged.audit.folder}")
