"""The command `erase`: personal data leave an audit's evidence, and a tombstone stays.

A list of the commands imports this module, so that what only erasing needs is imported inside.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.cli.options import AsJson, AuditName, Into, KeyFile, ReviewsPlace
from audit.errors import UsageError, clean

if TYPE_CHECKING:
    from audit.integrity import Erasing
    from audit.record import Audit

__all__ = ["erase"]

_MOST = 20
"""Files that are named; the others are counted."""
Why = Annotated[str, typer.Option("--why", help="By which request or rule; kept and shown, so name no person.")]
By = Annotated[
    str | None, typer.Option("--by", "--author", help="Who erases; default: git's user.name, else the login name.")
]
Checks = Annotated[
    list[str] | None, typer.Option("--check", metavar="NAME", help="A check whose evidence goes; may be given again.")
]
Items = Annotated[
    list[str] | None, typer.Option("--item", metavar="CHECK:ID", help="One item of a check goes; may be given again.")
]
All = Annotated[bool, typer.Option("--all", help="The evidence of all checks goes.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go, and leave it.")]


def erase(
    audit: AuditName,
    why: Why = "",
    by: By = None,
    check: Checks = None,
    item: Items = None,
    everything: All = False,
    key: KeyFile = None,
    dry_run: DryRun = False,
    reviews: ReviewsPlace = None,
    into: Into = Path("audits"),
    as_json: AsJson = False,
) -> None:
    """Erase texts that an audit keeps of people; who, when, why and the digests stay in its reviews.

    All stored answers and all documents go with it, as no file says whom they quote. Numbers, verdicts, the record, the
    plan and the seal stay; under a seal it is signed. It cannot be undone; broken off, the same command goes on. Exit
    code 4, and nothing goes, where the audit is not what was stored.
    """
    from audit.integrity import erase as erase_from
    from audit.record import load_record
    from audit.review import log_of, pull_reviews
    from audit.signing import author_name, signing_key
    from audit.storage import find_audit

    if everything is bool(check or item):
        raise UsageError("erase: name what goes; allowed: --check NAME, --item CHECK:ID, or --all")
    found = load_record(find_audit(audit, into))
    pull_reviews(found, reviews)

    def say(what: Erasing) -> None:
        if not as_json:
            print("\n".join(clean(line) for line in _planned(found, what, only=dry_run)), flush=True)

    what = erase_from(
        found, _scope(found, check or (), item or ()), author=author_name(by), reason=why, key=signing_key(key),
        log=log_of(found, reviews), told=say, only_told=dry_run,
    )  # fmt: skip
    if as_json:
        print(json.dumps(_as_json(found, what, only=dry_run)))
    else:
        print("\n".join(clean(line) for line in _done(what, only=dry_run)))


def _scope(audit: Audit, checks: Iterable[str], items: Iterable[str]) -> dict[str, list[str]]:
    """Return check -> the ids that are named; none for a check that is named itself."""
    scope: dict[str, list[str]] = {}
    names = sorted((one.check for one in audit.record.findings), key=len, reverse=True)
    for one in items:
        check = next((name for name in names if one.startswith(f"{name}:")), None)
        if check is None or one == f"{check}:":
            raise UsageError(f"--item {one}: allowed: CHECK:ID; checks: {', '.join(sorted(names))}")
        scope.setdefault(check, []).append(one.removeprefix(f"{check}:"))
    return scope | {check: [] for check in checks}


def _planned(audit: Audit, what: Erasing, *, only: bool) -> Iterator[str]:
    """Yield what goes, file by file."""
    parts = [
        f"{len(ids)} item{'s' * (len(ids) > 1)} of {check}" if ids else f"all of {check}"
        for check, ids in what.checks.items()
    ]
    files = len(what.gone) + len(what.rewritten)
    verb = "would erase" if only else "erasing"
    yield f"{audit.record.id}: {verb} {', '.join(parts)}: {files} files, {what.size:,} bytes"
    told = [*(f"  {name}: loses rows" for name in what.rewritten), *(f"  {name}: goes" for name in what.gone)]
    yield from told[:_MOST]
    if len(told) > _MOST:
        yield f"  and {len(told) - _MOST} more files"


def _done(what: Erasing, *, only: bool) -> Iterator[str]:
    if only:
        yield "nothing was erased (--dry-run)"
    elif what.entry is None:
        yield "nothing new to write: the reviews tell of it already; all of it is gone"
    else:
        yield f"erased; {what.entry.author} is named for it in the reviews, which 'review --list' shows"
    yield "not reached:"
    yield from (f"  {line}" for line in _not_reached(what))


def _not_reached(what: Erasing) -> Iterator[str]:
    """Yield what an erasure leaves alone, what is known of it first."""
    for name, count in what.shared.items():
        yield f"audit {name} has {count} of the same stored answers: erase there, too"
    if what.quoted:
        yield f"comparisons with it that lie in other audits: {_some(what.quoted)}"
    for check, ids in what.also.items():
        yield f"check {check} of this audit has the same items: {_some(ids)}"
    if what.spoken:
        said = "1 entry of the reviews speaks" if what.spoken == 1 else f"{what.spoken} entries of the reviews speak"
        yield f"{said} of it: what people wrote stays, as do ids of items"
    if some := ", ".join(check for check, ids in what.checks.items() if ids):
        yield f"rows of {some} that quote an item (a neighbour, a passage, a corpus): erase these with --check"
    yield "bundles that were exported, documents elsewhere, copies, backups, earlier versions in an object store"
    yield "the data that the plan names, what plan.yaml says, names of groups and messages of crashes in the record"
    yield "the index of 'list --search' and the dashboard until one of them looks again (it can be deleted)"
    yield "a running dashboard until it is started anew, and what a run that never finished keeps: delete its folder"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more


def _as_json(audit: Audit, what: Erasing, *, only: bool) -> dict[str, Any]:
    return {
        "id": audit.record.id, "dry_run": only, "checks": {check: list(ids) for check, ids in what.checks.items()},
        "gone": list(what.gone), "rewritten": list(what.rewritten), "bytes": what.size,
        "entry": None if what.entry is None else json.loads(what.entry.line),
        "not_reached": {
            "audits": dict(what.shared), "documents": list(what.quoted),
            "checks": {check: list(ids) for check, ids in what.also.items()},
            "review_entries": what.spoken, "others": list(_not_reached(what)),
        },
    }  # fmt: skip
