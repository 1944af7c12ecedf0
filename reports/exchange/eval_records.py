"""Every Eval Ever records, schema 0.3.0: an aggregate of numbers with uncertainty, and a line for every item.

    measure  -> evaluation_results[]       score, interval with level and method, number of independent units
    item     -> a line of the .jsonl       question, answer, reference, score, whether it is right

The schema has a place for `lower is better` and none for `neither`. A measure that is better near an ideal takes the
side that its limit takes; one without any direction is left out and named, as is one without a value. An item stands in
the lines where its text, the answer and an outcome are known: what gave no answer is neither right nor wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from audit.errors import UsageError
from audit.files import canonical
from detectors.result import Measure
from reports.exchange.facts import Source, audited_name, finished, sources
from reports.options import DEFAULTS, ReportOptions
from reports.text import Words, cell_text, one_line, words_of

if TYPE_CHECKING:
    from audit.record import Audit, Finding

__all__ = ["render_eval_records"]

SCHEMA = "0.3.0"
LONGEST = 20_000
"""Characters of a text of an item."""
_ASKED = ("question", "prompt")
_ANSWERED = ("answer", "output")


def render_eval_records(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the aggregate and the lines; UsageError for data without a model, which the schema has no place for."""
    words, at = words_of(options.lang), finished(audit, "every-eval-ever")
    if "main" not in audit.record.models:
        raise UsageError("report every-eval-ever: got an audit of data; allowed: an audit of a model")
    when = str(int(datetime.fromisoformat(at).timestamp()))
    told = [(finding, measure) for finding in audit.record.findings for measure in finding.measures]
    aggregate = {
        "schema_version": SCHEMA, "evaluation_id": _evaluation(audit, words), "evaluation_timestamp": when,
        "retrieved_timestamp": when, "source_metadata": _origin(audit, told, words),
        "eval_library": {"name": "dokimasia", "version": audit.run.versions.get("dokimasia", "unknown")
                         if audit.run else "unknown"},
        "model_info": _model(audit, words),
        "evaluation_results": [_result(one, measure, words) for one, measure in told if _told(one, measure)],
    }  # fmt: skip
    lines = [canonical(line) + b"\n" for finding in audit.record.findings for line in _lines(audit, finding, words)]
    return {"report.eee.json": canonical(aggregate) + b"\n", "report.eee.jsonl": b"".join(lines)}


def _evaluation(audit: Audit, words: Words) -> str:
    return f"dokimasia/{audited_name(audit.record, words)}/{audit.record.id}"


def _result_id(finding: Finding, measure: Measure) -> str:
    return ".".join(filter(None, (finding.check, measure.name, measure.group)))


def _lower(finding: Finding, measure: Measure) -> bool | None:
    """Return whether less is better, by the measure or by its limit; None where neither says it."""
    if measure.direction in ("lower is better", "higher is better"):
        return measure.direction == "lower is better"
    limit = finding.limit
    if limit is None or not limit.speaks_of(measure) or (limit.at_most is None) == (limit.at_least is None):
        return None
    return limit.at_most is not None


def _told(finding: Finding, measure: Measure) -> bool:
    return measure.value is not None and _lower(finding, measure) is not None


def _origin(audit: Audit, told: list[tuple[Finding, Measure]], words: Words) -> dict[str, Any]:
    left = [_result_id(finding, measure) for finding, measure in told if not _told(finding, measure)]
    details = {"audit": audit.record.id, "plan": audit.record.plan, "verdict": audit.record.verdict}
    return {
        "source_name": "Dokimasia", "source_type": "evaluation_run", "source_organization_name": "unknown",
        "evaluator_relationship": "other",
        "additional_details": details | ({"left_out": one_line(", ".join(left), words, 4000)} if left else {}),
    }


def _model(audit: Audit, words: Words) -> dict[str, Any]:
    main = audit.record.models["main"]
    remote = main.identity is not None
    return {
        "name": audited_name(audit.record, words), "id": audited_name(audit.record, words),
        "additional_details": {
            "deployment_type": "unknown" if remote else "self_deployed", "model_availability": "unknown",
            "family": one_line(main.family, words), "fingerprint": one_line(main.fingerprint, words),
        },
    }


def _result(finding: Finding, measure: Measure, words: Words) -> dict[str, Any]:
    used = sources([finding], words)
    share = measure.unit == "share" and (measure.low is None or measure.low >= 0) and (measure.value or 0) >= 0
    return {
        "evaluation_result_id": _result_id(finding, measure), "evaluation_name": one_line(finding.check, words) or "-",
        "source_data": _data(used[0] if used else None, finding, words),
        "metric_config": {
            "metric_id": f"dokimasia.{measure.name}", "metric_name": words.term("measure", measure.name),
            "metric_unit": "proportion" if measure.unit == "share" else measure.unit,
            "lower_is_better": _lower(finding, measure), "score_type": "continuous",
            "min_score": 0 if share else None, "max_score": 1 if share else None,
            "additional_details": {"direction": measure.direction, "verdict": finding.verdict,
                                   **({"group": one_line(measure.group, words)} if measure.group else {})},
        },
        "score_details": {"score": measure.value, "uncertainty": _uncertainty(measure),
                          "details": {what: str(count) for what, count in measure.n.items()}
                          | ({"missing": str(measure.missing)} if measure.missing else {})},
    }  # fmt: skip


def _uncertainty(measure: Measure) -> dict[str, Any]:
    count = measure.n.get("units", measure.n.get("items"))
    told: dict[str, Any] = {} if count is None else {"num_samples": count}
    if measure.low is not None and measure.high is not None:
        told["confidence_interval"] = {
            "lower": measure.low, "upper": measure.high, "confidence_level": measure.level,
            "method": str(measure.method),
        }
    return told


def _data(source: Source | None, finding: Finding, words: Words) -> dict[str, Any]:
    if source is None:
        return {"dataset_name": one_line(finding.check, words) or "-", "source_type": "other"}
    details = {"digest": source.digest, "licence": source.licence, "cite": source.cite}
    known = {name: text for name, text in details.items() if text}
    return {"dataset_name": source.name, "source_type": "other", "additional_details": known}


def _lines(audit: Audit, finding: Finding, words: Words) -> Iterator[dict[str, Any]]:
    """Yield the items of a finding that have a text, an answer, a score and an outcome."""
    from audit.record import AGAINST, items_of

    headline, file = finding.headline, items_of(audit.folder, finding)
    if file is None or file.problem is not None or headline is None or not _told(finding, headline):
        return
    asked = next((name for name in _ASKED if name in file.columns), None)
    answered = next((name for name in _ANSWERED if name in file.columns), None)
    score, ident = headline.mean_of, file.id_column
    if not (asked and answered and score and ident and file.tells_failures) or headline.where:
        return
    known = [name for name in (ident, asked, answered, score, AGAINST, "right") if name in file.columns]
    for row in file.table(known).to_pylist():
        if None not in (row[score], row[AGAINST], row[answered]):
            place = {"id": ident, "asked": asked, "answered": answered, "score": score}
            yield _line(audit, finding, headline, {name: row[column] for name, column in place.items()} | row, words)


def _line(
    audit: Audit, finding: Finding, headline: Measure, row: Mapping[str, Any], words: Words
) -> dict[str, Any]:
    from audit.record import AGAINST

    reference = row.get("right")
    named = reference if isinstance(reference, list) else [] if reference is None else [reference]
    return {
        "schema_version": SCHEMA, "evaluation_id": _evaluation(audit, words),
        "model_id": audited_name(audit.record, words), "evaluation_name": one_line(finding.check, words) or "-",
        "evaluation_result_id": _result_id(finding, headline), "sample_id": str(row["id"]),
        "interaction_type": "single_turn",
        "input": {"raw": _text(row["asked"], words), "reference": [_text(one, words) for one in named]},
        "output": {"raw": [_text(row["answered"], words)]}, "answer_attribution": [],
        "evaluation": {"score": float(row["score"]), "is_correct": not row[AGAINST]},
    }


def _text(value: Any, words: Words) -> str:
    return cell_text(value, words, LONGEST)
