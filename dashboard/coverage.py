"""What audits are evidence for, as the screens need it: read anew only where an audit's own files were written.

    covered(name, framework) -> Coverage      tally_of(coverage, words) -> the statuses that occur, with their signs
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from markupsafe import Markup

from audit.frameworks import load_framework
from audit.policy import Coverage, Facts, cover, facts_of
from audit.record import RECORD_FILE, REVIEWS_FILE, RUN_FILE, SEAL_FILE, Verdict
from dashboard.loading import folder_of, opened
from dashboard.rendering import picture
from reports.figures import sign
from reports.frameworks.coverage_view import SHOWN_AS, status_told
from reports.text import Words

__all__ = ["Tally", "covered", "own_sign", "tally_of"]

Tally = tuple[str, str, Verdict, bool, int]
"""(status, its word, its sign, whether that is hollow, how many clauses have it)."""
_FILES = (RECORD_FILE, RUN_FILE, REVIEWS_FILE, SEAL_FILE)


def covered(name: str, framework: str) -> Coverage:
    """Return what a finished audit is evidence for; raises as `opened`, and IntegrityError as `coverage_of`."""
    return cover(_facts(folder_of(name), _stamps(folder_of(name))), load_framework(framework), opened(name).record.id)


def _stamps(folder: Path) -> tuple[tuple[int, int], ...]:
    facts = [path.stat() if path.is_file() else None for path in map(folder.joinpath, _FILES)]
    return tuple((0, 0) if one is None else (one.st_mtime_ns, one.st_size) for one in facts)


@lru_cache(maxsize=256)
def _facts(folder: Path, stamps: tuple[tuple[int, int], ...]) -> Facts:
    return facts_of(opened(folder.name))


def own_sign(kind: str, word: str, hollow: bool = False) -> Markup:
    """Return a sign with a word of its own, as an image."""
    return picture(sign(kind, word, hollow=hollow))


def tally_of(coverage: Coverage, words: Words) -> Sequence[Tally]:
    """Return the statuses that occur, in the order in which they are read."""
    counts = coverage.counts()
    return [
        (status, status_told(status, words), sign, hollow, counts[status])
        for status, (sign, hollow) in SHOWN_AS.items() if counts[status]
    ]  # fmt: skip
