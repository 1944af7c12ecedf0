"""Evaluation results as the Hugging Face Hub reads them: a YAML file for `.eval_results/` of a model's repository.

    one entry a check: data, value of its headline, end of the run, and in `notes` n, interval, limit and verdict

The format has no field for an interval, so `notes` holds it; a number without it would look surer than it is. The ids
of the data are those of the plan: the Hub's own id of a data set is for the person to write who publishes the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reports.exchange.facts import Source, sources
from reports.options import DEFAULTS, ReportOptions
from reports.text import Words, words_of

if TYPE_CHECKING:
    from audit.record import Audit
    from reports.views import FindingView

__all__ = ["render_hub"]


def render_hub(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the headlines of all findings as one YAML file; UsageError for a language without a catalogue."""
    import yaml

    from reports.views import overview

    words = words_of(options.lang)
    entries = [
        _entry(audit, one, words) for one in overview(audit, words).findings
        if one.headline is not None and one.headline.measure.value is not None
    ]  # fmt: skip
    text = yaml.safe_dump(entries, allow_unicode=True, sort_keys=False, width=10_000)
    return {"report.hf.yaml": text.encode()}


def _entry(audit: Audit, one: FindingView, words: Words) -> dict[str, Any]:
    row = one.headline
    assert row is not None
    used = sources([one.finding], words)
    told: dict[str, Any] = {"dataset": _data(one, used[0] if used else None), "value": row.measure.value}
    if audit.run is not None:
        told["date"] = audit.run.finished
    notes = (row.name, row.group, row.line, one.verdict, audit.record.id)
    return {**told, "notes": "; ".join(note for note in notes if note)}


def _data(one: FindingView, source: Source | None) -> dict[str, str]:
    if source is None:
        return {"id": one.name or "-", "task_id": one.name or "-"}
    told = {"id": source.name, "task_id": one.name or "-"}
    return told | {"revision": source.digest} if source.digest else told
