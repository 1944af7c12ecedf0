"""A full-text index of SQLite (FTS5), which comes with Python: BM25 with its own k = 1.2, b = 0.75.

What stands in it are our terms, and each is quoted in a query, as queries of FTS5 are a language of their own.
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Sequence
from contextlib import closing
from functools import cache

from audit.retrieval.words import terms

__all__ = ["FullText", "has_full_text"]


@cache
def has_full_text() -> bool:
    """Tell whether SQLite was built with FTS5."""
    try:
        with closing(sqlite3.connect(":memory:")) as asked:
            asked.execute("CREATE VIRTUAL TABLE there USING fts5(text)")
    except sqlite3.OperationalError:
        return False
    return True


class FullText:
    """Passages, found by their words."""

    def __init__(self, passages: Sequence[str]) -> None:
        self.size = len(passages)
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        weakref.finalize(self, self._database.close)
        self._database.execute(
            "CREATE VIRTUAL TABLE passages USING fts5(terms, content='', tokenize=\"unicode61 remove_diacritics 0\")"
        )
        self._database.executemany(
            "INSERT INTO passages(rowid, terms) VALUES (?, ?)",
            ((place, " ".join(terms(passage))) for place, passage in enumerate(passages)),
        )

    def search(self, query: str, k: int) -> list[int]:
        """Return the places of the k best passages, best first; those without a term of the query are never found."""
        asked = " OR ".join(f'"{term}"' for term in dict.fromkeys(terms(query)))
        if not asked:
            return []
        rows = self._database.execute(
            "SELECT rowid FROM passages WHERE passages MATCH ? ORDER BY bm25(passages), rowid LIMIT ?", (asked, k)
        )
        return [place for (place,) in rows]
