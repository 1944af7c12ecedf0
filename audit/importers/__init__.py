"""Importers: what other tools' logs hold, as scored answers; one file for each tool."""

from audit.importers.contents import Contents, Counted, plan_for
from audit.importers.log import Aggregate, Direction, Importer, Log, Scale, ScoredAnswer, Status
from audit.importers.recognising import OpenedLog, open_log

__all__ = [
    "Aggregate", "Contents", "Counted", "Direction", "Importer", "Log", "OpenedLog", "Scale", "ScoredAnswer", "Status",
    "open_log", "plan_for",
]
