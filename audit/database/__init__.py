"""SQL databases, for what many write at once: a SQLite file, or a PostgreSQL by URL, under the same few functions."""

from audit.database.engines import is_url, on_network, open_database, shown
from audit.database.sqlite import SOUND_SQLITE, checkpoint
from audit.database.transactions import read, write

__all__ = ["SOUND_SQLITE", "checkpoint", "is_url", "on_network", "open_database", "read", "shown", "write"]
