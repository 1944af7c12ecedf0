"""The command `compare`: are candidates worse than the baseline, on the same items?

Every start of the command imports this module, so that what only a comparison needs is imported inside.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit import plugins
from audit.cli.options import AsJson, Into
from audit.cli.terminal_words import called
from audit.errors import UsageError, clean

if TYPE_CHECKING:
    from audit.compare import CheckComparison, ComparedAudit, Comparison, Margins

__all__ = ["compare"]

SIGNS = {"worse": "x", "undecided": "?", "no worse": "v", "better": "+", "measured": "."}
LEGEND = "v no worse  + better  x worse  ? undecided  . measured  (not gating)"
MOST_GROUPS = 3
"""Groups of one check that the terminal names."""
_AUDIT = "Folder of an audit, or the beginning of its id under --into."

MarginAllowed = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]X",
        help="How much worse B may be: of shares and scores (0.02 = two points), or of a measure, in its unit.",
    ),
]


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=f"The baseline. {_AUDIT}")],
    candidates: Annotated[list[str], typer.Argument(metavar="B", help=f"Candidates, one to four. {_AUDIT}")],
    margin: MarginAllowed = None,
    format: Annotated[str | None, typer.Option(help="Write a report: html, markdown or json.")] = None,
    out: Annotated[Path | None, typer.Option(help="File of the report; default: reports/ in the last folder.")] = None,
    lang: Annotated[str, typer.Option(help="Language of the report.")] = "en",
    into: Into = Path("audits"),
    as_json: AsJson = False,
) -> None:
    """Compare audits of one plan: each candidate against the baseline A, paired on the same items.

    Of several candidates, paired intervals hold over all of them together. Exit code 0 where no gating check is worse
    than its margin, 1 where one is, 3 where one is undecided, 2 where the audits were not asked the same, 4 where one
    of them is not what was stored.
    """
    from audit.compare import as_json as data_of
    from audit.compare import compare_several, worst_word
    from audit.exit_codes import OF_COMPARISON
    from audit.files import canonical
    from audit.integrity import check_each
    from audit.record import load_record, write_reports
    from audit.storage import find_audit

    if out is not None and format is None:
        raise UsageError(f"--out {out}: goes with --format html, markdown or json")
    render = None if format is None else plugins.load("comparisons", format)
    margins = _margins(margin or [])
    audits = check_each(load_record(find_audit(name, into)) for name in (a, *candidates))
    found = compare_several(audits[0], audits[1:], margins)
    files = {} if render is None else render(found, lang)
    if as_json:
        print(canonical(data_of(found)).decode())
    else:
        print("\n".join(_lines(found)))
    if files:
        written = write_reports(audits[-1].folder, files, lang=lang, out=out, remark=partial(print, file=sys.stderr))
        print(*written, sep="\n", file=sys.stderr if as_json else sys.stdout)
    raise typer.Exit(OF_COMPARISON[worst_word(found)])


def _margins(given: Sequence[str]) -> Margins:
    """Return the margins; UsageError for what is no number."""
    from audit.compare import Margins

    plain, named = 0.0, {}
    for one in given:
        name, _, text = one.rpartition("=")
        try:
            number = float(text)
        except ValueError:
            raise UsageError(f"--margin {one}: not X or NAME=X with a number X") from None
        if name:
            named[name] = number
        else:
            plain = number
    return Margins(plain, named)


def _lines(found: Sequence[Comparison]) -> list[str]:
    """Return the closing table and the sentence of each candidate, under one head where there are several."""
    several, lines = len(found) > 1, []
    for letter, one in zip("BCDE", found, strict=False):
        head = [] if letter == "B" else [""]
        lines += [*head, *_of_one(one, letter), f"{letter}: {_sentence(one)}" if several else _sentence(one)]
    if several:
        lines += ["", f"Paired intervals hold together over the {len(found)} comparisons; p is adjusted (Holm)."]
    return lines


def _of_one(found: Comparison, letter: str) -> list[str]:
    from audit.compare import comparison_sentence

    heads = ["check", "measure", "A", letter, f"{letter} - A", "p", "changed", "verdict"]
    rows = [[clean(cell) for cell in row] for row in (heads, *(_row(one) for one in found.checks))]
    widths = [max(len(row[at]) for row in rows) for at in range(len(heads))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    open_ones = [f"{one.check}: {comparison_sentence(one.reason, letter)}." for one in found.checks if not one.measures]
    names = (f"{one} = {_name(side)}" for one, side in (("A", found.a), (letter, found.b)))
    return [*table, "", LEGEND, *_groups(found), *(clean(line) for line in (*open_ones, *names))]


def _row(one: CheckComparison) -> list[str]:
    word = f"{SIGNS[one.word]} {one.word}"
    check, verdict = (one.check, word) if one.gating else (one.check, f"{word} (not gating)")
    measure = one.deciding
    if measure is None:
        return [check, "-", "-", "-", "-", "-", "-", verdict]
    reason, p = one.reason, measure.p
    cells = [called(measure.a.name, measure.a.group), *(reason.get(key, "-") for key in ("a", "b", "difference"))]
    return [check, *cells, "-" if p is None else "<.001" if p < 0.001 else f"{p:.3f}", _changed(one), verdict]


def _groups(found: Comparison) -> list[str]:
    """Return, for each check with groups, those that differ most: told only where B is shown to differ there."""
    lines = []
    for check in found.checks:
        shown = [one for one in check.groups if one.word in ("worse", "better")]
        if check.groups:
            listed = "; ".join(
                f"{SIGNS[one.word]} {one.a.group} {one.reason['a']} -> {one.reason['b']}, {one.reason['difference']}"
                for one in shown[:MOST_GROUPS]
            )
            more = f"; {len(shown) - MOST_GROUPS} more" if len(shown) > MOST_GROUPS else ""
            none = f"none of {len(check.groups)} differs beyond chance"
            lines.append(clean(f"{check.check} by group: {listed + more if shown else none}"))
    return lines


def _changed(one: CheckComparison) -> str:
    if one.changes is None:
        return "-"
    return f"{len(one.changes.newly_failing)} fail, {len(one.changes.newly_passing)} pass"


def _name(side: ComparedAudit) -> str:
    name = side.title if side.data is None else side.data.name
    return f"{side.models[0].name if side.models and side.data is None else name} ({side.id})"


def _sentence(found: Comparison) -> str:
    """Return `Worse: 1 of 3 gating checks; 1 undecided, a fresh sample of about 180 units would do.`"""
    from audit.cli.screen import would_do

    gating = [one for one in found.checks if one.gating]
    if not gating:
        return "Measured: no check gates, so nothing is decided."
    words = [one.word for one in gating]
    good = words.count("no worse") + words.count("better")
    count = good if found.word == "no worse" else words.count(found.word)
    parts = [f"{found.word.capitalize()}: {count} of {len(gating)} gating checks"]
    if found.word == "worse" and "undecided" in words:
        parts.append(f"{words.count('undecided')} undecided")
    parts[-1] += would_do([one for one in gating if one.word == "undecided"])
    if found.word == "undecided" and not found.margins.plain and not found.margins.named:
        parts.append("the margin is 0; --margin X says how much worse is still all right")
    if "better" in words:
        parts.append(f"{words.count('better')} better")
    return "; ".join(parts) + "."
