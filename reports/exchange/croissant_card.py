"""Croissant 1.0 with its vocabulary of responsible AI: the audited data, what was measured of them, and questions.

    rai:dataBiases         what was measured of bias, in sentences
    rai:dataLimitations    all other findings, and what could not be measured
    all other rai fields   a question for the person who keeps the data, marked as one

Nothing is filled in that nobody measured or said. Files are the observations that the audit keeps, with their digests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit.files import canonical
from reports.exchange.facts import Source, audited_name, sources
from reports.options import DEFAULTS, ReportOptions
from reports.text import Words, one_line, words_of

if TYPE_CHECKING:
    from audit.record import Audit
    from reports.views import FindingView

__all__ = ["render_croissant"]

CROISSANT = "http://mlcommons.org/croissant/1.0"
RAI = "http://mlcommons.org/croissant/RAI/1.0"
ASKED = (
    "dataCollection", "dataCollectionMissingData", "dataCollectionRawData", "dataImputationProtocol",
    "dataPreprocessingProtocol", "dataManipulationProtocol", "dataAnnotationProtocol", "dataAnnotationPlatform",
    "dataAnnotationAnalysis", "annotationsPerItem", "annotatorDemographics", "machineAnnotationTools",
    "dataReleaseMaintenancePlan", "personalSensitiveInformation", "dataSocialImpact", "dataUseCases",
)  # fmt: skip
"""Fields that only people can fill."""
_OURS = {
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/", "sc": "https://schema.org/",
    "dct": "http://purl.org/dc/terms/",
}
_OF_CROISSANT = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format",
    "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
    "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
)  # fmt: skip


def render_croissant(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the audited data as one Croissant file; UsageError for a language without a catalogue."""
    from reports.views import overview

    words = words_of(options.lang)
    view = overview(audit, words)
    used = sources(audit.record.findings, words)
    own = audit.record.data is not None
    told: dict[str, Any] = {
        "@context": _context(words.lang), "@type": "sc:Dataset", "conformsTo": [CROISSANT, RAI],
        "name": audited_name(audit.record, words) if own else one_line(view.title, words) or "-",
        "description": words("exchange.data_own" if own else "exchange.data_used", audit=audit.record.id),
        "isBasedOn": [_source(one) for one in used],
    }
    if audit.run is not None:
        told["datePublished"] = audit.run.finished[:10]
    if licences := sorted({one.licence for one in used if one.licence}):
        told["license"] = licences
    if cited := sorted({one.cite for one in used if one.cite}):
        told["citeAs"] = "; ".join(cited)
    told["distribution"] = _files(view.findings) if own else []
    return {"report.croissant.json": canonical(told | _rai(view.findings if own else (), words)) + b"\n"}


def _context(lang: str) -> dict[str, Any]:
    """Return the context that every Croissant file has, in one language."""
    return {
        "@language": lang, "@vocab": "https://schema.org/", **_OURS, "conformsTo": "dct:conformsTo",
        **{name: f"cr:{name}" for name in _OF_CROISSANT},
        "data": {"@id": "cr:data", "@type": "@json"}, "examples": {"@id": "cr:examples", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    }


def _source(source: Source) -> dict[str, Any]:
    told = {"@type": "sc:Dataset", "name": source.name, "identifier": source.digest, "license": source.licence}
    return {name: value for name, value in told.items() if value}


def _files(findings: tuple[FindingView, ...]) -> list[dict[str, Any]]:
    """Return what the checks observed of the data, each file once."""
    files = {file.path: file.sha256 for one in findings for file in one.evidence
             if file.path.startswith("observations/")}  # fmt: skip
    return [
        {"@type": "cr:FileObject", "@id": path, "name": path, "contentUrl": path,
         "encodingFormat": "application/vnd.apache.parquet", "sha256": digest.removeprefix("sha256:")}
        for path, digest in sorted(files.items())
    ]  # fmt: skip


def _rai(findings: tuple[FindingView, ...], words: Words) -> dict[str, Any]:
    """Return what was measured, and the questions that are left."""
    told: dict[str, list[str]] = {"rai:dataBiases": [], "rai:dataLimitations": []}
    for one in findings:
        leans = one.finding.dimension == "bias" and one.finding.verdict not in ("skipped", "crashed")
        told["rai:dataBiases" if leans else "rai:dataLimitations"].append(f"{one.name}: {one.statement}")
    open_ = [*ASKED, *(name.removeprefix("rai:") for name, found in told.items() if not found)]
    asked = {f"rai:{name}": words("exchange.to_fill", question=words(f"data_card.{name}")) for name in open_}
    return {**{name: found for name, found in told.items() if found}, **asked}
