"""The command `frameworks`: which catalogues there are, what each asks for, whether a file of one has mistakes.

Every start of the command imports this module, so that what only catalogues need is imported inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit.errors import UsageError, clean

if TYPE_CHECKING:
    from audit.frameworks import Clause, Framework

__all__ = ["frameworks"]

Lang = Annotated[str, typer.Option(help="en or ko")]


def frameworks(
    what: Annotated[str | None, typer.Argument(help="A framework, or check.")] = None,
    name: Annotated[str | None, typer.Argument(help="With check: the file.")] = None,
    lang: Lang = "en",
) -> None:
    """List the frameworks, show the clauses of one, or check the file of one.

    dokimasia frameworks · frameworks eu-ai-act · frameworks check my-law.yaml
    """
    if what is None:
        lines = _all(lang)
    elif what == "check":
        lines = _checked(name)
    else:
        lines = _one(what, lang)
    print("\n".join(clean(line) for line in lines))


def _all(lang: str) -> Iterator[str]:
    from audit.frameworks import framework_names, load_framework

    for name in framework_names():
        found = load_framework(name)
        yield f"{name:<24} {len(found.clauses):>4}  {found.status}, checked {found.checked.on}  {found.title.of(lang)}"
    yield "dokimasia frameworks NAME shows the clauses of one."


def _checked(name: str | None) -> Iterator[str]:
    from audit.frameworks import check_file

    if name is None:
        raise UsageError("frameworks check: got no file; allowed: frameworks check FILE.yaml")
    found = check_file(Path(name))
    kinds = ("direct", "partial", "process", "none")
    counts = ", ".join(f"{kind} {sum(one.strength == kind for one in found.clauses)}" for kind in kinds)
    yield f"{name}: {len(found.clauses)} clauses ({counts}), {len(found.questions)} questions; nothing is wrong"


def _one(name: str, lang: str) -> Iterator[str]:
    from audit.frameworks import load_framework

    found = load_framework(name)
    yield found.title.of(lang)
    yield found.text.of(lang)
    yield f"{found.status}; checked {found.checked.on} against {found.checked.against}; sure {found.sure}"
    yield from (f"  {one.on}  {one.what.of(lang)} ({one.sure})" for one in found.dates)
    if found.note is not None:
        yield found.note.of(lang)
    for clause in found.clauses:
        yield from _clause(found, clause, lang)


def _clause(framework: Framework, clause: Clause, lang: str) -> Iterator[str]:
    dates = clause.applies_from
    since = ", ".join(f"{day} ({kind})" for kind, day in dates.items()) if isinstance(dates, dict) else dates
    sure = framework.sure_of(clause)
    yield ""
    yield f"{framework.id}:{clause.id}  {clause.ref}  [{clause.strength}]{'' if since is None else f'  from {since}'}"
    yield f"  {clause.says.of(lang)}{'' if sure in 'AB' else f' (text not verified: sure {sure})'}"
    if clause.tests:
        yield f"  tests: {', '.join(clause.tests)}"
    for word, needs in (("needs", clause.needs), ("to be full", clause.full)):
        if needs:
            yield f"  {word}: {', '.join(needs)}"
