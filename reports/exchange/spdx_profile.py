"""SPDX 3.0.1 with its AI and Dataset profiles: the audited model as a package, tested on packages of data.

    AIPackage.metric                     every number, with its interval, as it is printed
    AIPackage.metricDecisionThreshold    every limit
    AIPackage.limitation                 what failed and what stayed undecided, in sentences
    Relationship testedOn                the data that the checks used

The property that names standards which are met stays empty, always.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit.files import canonical
from reports.exchange.facts import HOME, Source, audited_name, finished, sources, uid
from reports.options import DEFAULTS, ReportOptions
from reports.text import Words, one_line, words_of

if TYPE_CHECKING:
    from audit.record import Audit
    from reports.views import FindingView, Overview

__all__ = ["render_spdx"]

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
_CREATION = "_:creation"
_KINDS = {"text": "text", "image": "image", "audio": "audio", "table": "structured", "series": "timeseries"}
"""Modality of a model -> what SPDX calls such data."""


def render_spdx(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the audit as SPDX 3.0.1 in JSON-LD; UsageError for a language without a catalogue, or no time of a run."""
    from reports.views import overview

    words = words_of(options.lang)
    view, at = overview(audit, words), finished(audit, "spdx")
    main = audit.record.models.get("main")
    data = [_dataset(audit, one, view, words) for one in sources(audit.record.findings, words)]
    packages = [*([_model(audit, view, words)] if main else []), *data]
    tested = []
    if main and data:
        tested = [_element(audit, "Relationship", "tested-on") | {
            "from": packages[0]["spdxId"], "to": [one["spdxId"] for one in data], "relationshipType": "testedOn",
        }]  # fmt: skip
    agent = _element(audit, "SoftwareAgent", "tool") | {"name": "Dokimasia"}
    document = _element(audit, "SpdxDocument", "document") | {
        "name": one_line(view.title, words) or "-", "comment": words("exchange.lead"),
        "profileConformance": ["core", "software", *(["ai"] if main else []), *(["dataset"] if data else [])],
        "rootElement": [one["spdxId"] for one in packages[:1]] or [agent["spdxId"]],
        "element": [one["spdxId"] for one in (agent, *packages, *tested)],
    }
    created = {
        "@id": _CREATION, "type": "CreationInfo", "specVersion": "3.0.1", "created": at, "createdBy": [agent["spdxId"]],
    }
    graph = [created, agent, document, *packages, *tested]
    return {"report.spdx.json": canonical({"@context": CONTEXT, "@graph": graph}) + b"\n"}


def _element(audit: Audit, kind: str, *parts: str) -> dict[str, Any]:
    return {"type": kind, "spdxId": f"{HOME}:spdx:{uid(audit, 'spdx', *parts)}", "creationInfo": _CREATION}


def _model(audit: Audit, view: Overview, words: Words) -> dict[str, Any]:
    from audit.record import UNSETTLED

    main, sheet = audit.record.models["main"], audit.record.sheet
    told = _element(audit, "ai_AIPackage", "model") | {
        "name": audited_name(audit.record, words), "summary": view.sentence,
        "comment": words("exchange.digest", digest=one_line(main.fingerprint, words)),
        "software_primaryPurpose": "model", "ai_typeOfModel": [one_line(main.family, words) or "-"],
        "ai_metric": [_entry(f"{one.name} · {row.name}", row.group, row.line) for one in view.findings
                      for row in one.rows if row.undefined is None],
        "ai_metricDecisionThreshold": [_entry(one.name, None, one.headline.limit_text) for one in view.findings
                                       if one.headline is not None and one.headline.limit_text],
        "ai_limitation": " ".join(one.statement for one in view.findings if one.finding.verdict in UNSETTLED),
        "ai_informationAboutApplication": _told(sheet.intended_use or sheet.purpose if sheet else None, words),
        "ai_informationAboutTraining": _told(sheet.data if sheet else None, words),
    }  # fmt: skip
    return {name: value for name, value in told.items() if value}


def _told(text: str | None, words: Words) -> str:
    return one_line(text, words, 1000) if text else ""


def _entry(key: str, group: str | None, value: str) -> dict[str, str]:
    return {"type": "DictionaryEntry", "key": key if group is None else f"{key} · {group}", "value": value}


def _dataset(audit: Audit, source: Source, view: Overview, words: Words) -> dict[str, Any]:
    main = audit.record.models.get("main")
    told = _element(audit, "dataset_DatasetPackage", "data", source.name, source.digest) | {
        "name": source.name, "description": source.cite or "", "software_primaryPurpose": "data",
        "dataset_datasetType": [_KINDS.get(main.modality if main else "", "noAssertion")],
        "dataset_knownBias": [] if main else [one.statement for one in view.findings if _bias(one)],
        "comment": words("exchange.digest", digest=source.digest) if source.digest else "",
    }
    if source.items is not None:
        told["dataset_datasetSize"] = source.items
    return {name: value for name, value in told.items() if value not in ("", [])}


def _bias(one: FindingView) -> bool:
    """Whether a finding about data says that they lean."""
    return one.finding.dimension == "bias" and one.finding.verdict == "failed"
