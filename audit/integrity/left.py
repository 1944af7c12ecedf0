"""What erasures left of an audit, held to what the record counts: none took more, or less, than it says.

    observations/<check>.items.parquet     rows left + ids erased = rows that the record counts
    observations/<check>.<role>.parquet    rows left + ids erased >= rows that the record counts
    items/<check>.parquet                  units left + ids erased >= units of each measure that is a mean over them;
                                           gone only where each row was named
    any file of the check                  holds none of the ids; of a check that went, and of tables, there is none

The items that people spoke of are left or named, too. Whether one went in another's place, whether what is left is as
it was, and whether observations that are gone as a whole had to go, nothing but the entry itself tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import TYPE_CHECKING, NoReturn

from audit.errors import IntegrityError
from audit.files import contents_of, digest_file, frame_of, read_table
from audit.record import REVIEWS_FILE, Audit, Erased, Finding, ItemsFile, items_name, observations_name, table_name
from audit.review import read_reviews
from detectors.result import Measure, counted

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["check_left"]

Chains = Mapping[str, Sequence[str | None]]
"""Name of a file -> its digests, as it was stored and after each erasure; None: gone."""


def check_left(audit: Audit, told: Sequence[Erased], chains: Chains) -> None:
    """Raise IntegrityError where files that are left hold other than these erasures say; files are their digests'."""
    for stored in audit.run.evidence if audit.run is not None and told else ():
        _gone(stored.path, chains)
    for finding in audit.record.findings:
        named = [one.checks[finding.check] for one in told if finding.check in one.checks]
        if named:
            _check(audit, finding, None if [] in named else {item for ids in named for item in ids}, chains)


def _gone(name: str, chains: Chains) -> None:
    if chains[name][-1] is not None:
        raise IntegrityError("{file}: left by an erasure that takes all of it", file=name)


def _check(audit: Audit, finding: Finding, erased: Set[str] | None, chains: Chains) -> None:
    """Hold the files of a check to the ids that were erased; None: all of it."""
    for name in (one.path for one in finding.evidence):
        if erased is None or name == table_name(finding.check):
            _gone(name, chains)
        elif chains[name][-1] is not None and digest_file(audit.folder / name) == chains[name][-1]:
            _hold(audit, finding, name, erased, lost=len(chains[name]) > 1)
        elif chains[name][-1] is None and name == items_name(finding.check):  # each of its rows was named
            _held_by_measures(finding, name, None, len(erased))
            _held_by_reviews(audit, finding, erased)


def _hold(audit: Audit, finding: Finding, name: str, erased: Set[str], *, lost: bool) -> None:
    """Hold one file that is left to the ids that were erased; lost: whether it is told to have lost rows."""
    path = audit.folder / name
    try:
        names = contents_of(path).schema.to_arrow_schema().names
        column = str(ItemsFile(path, name, columns=tuple(names)).id_column)
        table = read_table(path, names if name == items_name(finding.check) else [column])
        rows = table[column].cast("string").to_pylist()
    except (IntegrityError, OSError, ValueError, KeyError):
        raise IntegrityError("{file}: not a table of items, which alone an erasure leaves", file=name) from None
    ids, most = {*rows}, len(rows) + len(erased)
    if lost and len(ids) < len(rows):
        raise IntegrityError("{file}: names an item twice, as nothing that an erasure leaves", file=name)
    if both := sorted(ids & erased):
        raise IntegrityError("{file}: holds {item!r}, which is told of as erased", file=name, item=both[0])
    if name == items_name(finding.check):
        _held_by_measures(finding, name, table, len(erased))
        _held_by_reviews(audit, finding, ids | erased)
    for role, facts in finding.data.items():
        least = most if role == "items" else len(rows)
        if name == observations_name(finding.check, role) and (had := facts.get("items")) not in range(least, most + 1):
            _refuse(name, len(rows), had, len(erased))


def _refuse(name: str, left: int, had: object, erased: int) -> NoReturn:
    raise IntegrityError(
        "{file}: {left} are left of {had}, and {erased} are told of as erased",
        file=name, left=left, had=had, erased=erased,
    )


def _held_by_measures(finding: Finding, name: str, items: pa.Table | None, erased: int) -> None:
    """Raise IntegrityError where a mean speaks of more units than are left (None: no items are) and were erased."""
    for one in finding.measures:
        columns = {one.mean_of, one.unit_of or one.mean_of, *(one.where or {})}
        told = items is None or columns <= {*items.column_names}
        if one.mean_of is None or one.group is not None or not told:
            continue
        left = 0 if items is None else _units(items, one)
        if left + erased < (had := one.n.get("units", 0)):
            _refuse(name, left, had, erased)


def _units(items: pa.Table, measure: Measure) -> int:
    """Return how many independent units a mean may speak of, those that were asked in vain among them."""
    import pyarrow.compute as pc

    frame = frame_of(items)
    rows = counted(frame, str(measure.mean_of))
    for column, text in (measure.where or {}).items():
        rows &= pc.equal(pc.cast(items[column], "string"), text).fill_null(True).to_numpy()
    return int(rows.sum()) if measure.unit_of is None else frame.loc[rows, measure.unit_of].astype(str).nunique()


def _held_by_reviews(audit: Audit, finding: Finding, known: Set[str]) -> None:
    for number, entry in enumerate(read_reviews(audit.folder).entries, start=1):
        if entry.says.check == finding.check and entry.says.item is not None and entry.says.item not in known:
            raise IntegrityError(
                "{file}:{line}: speaks of {item!r} of {check}, which is neither left nor told of as erased",
                file=REVIEWS_FILE, line=number, item=entry.says.item, check=finding.check,
            )
