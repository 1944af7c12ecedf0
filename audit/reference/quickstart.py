"""The quickstart: every reference model and table in its sound and its flawed form, then the real language model.

A flawed twin's card lists what was planted and which probe must find it; a fault is found when a check of that probe
failed on that twin, the very check that the card names where it names one. A false alarm is a gating check that failed
on a sound one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from audit.plan import Plan
from audit.record import Audit, Finding
from audit.reference.cards import Reference, reference_folders
from audit.reference.plans import find_language_model, language_model_plan, reference_plan
from detectors.immutable import immutable

__all__ = ["Case", "Tally", "cases", "tally"]

_FASTEST_FIRST = (
    "applicants",
    "applicant_classifier",
    "image_classifier",
    "vae",
    "gan",
    "autoregressive_image",
    "autoregressive_series",
    "latent_diffusion",
    "diffusion",
    "language",
)


@immutable
class Case:
    """One audit of the quickstart; a case without a reference is the real language model."""

    plan: Plan
    reference: Reference | None = None

    @property
    def name(self) -> str:
        """What `--only` looks at: a reference's name, else that of the model."""
        return str(getattr(self.plan.model, "name", "")) if self.reference is None else self.reference.name


@immutable
class Tally:
    """How the audits did against what was planted."""

    found: int
    planted: int
    false_alarms: int
    checks: int
    not_asked: tuple[str, ...]
    """Planted faults whose probe is not there yet."""


def cases() -> Iterator[Case]:
    """Yield the audits, fastest family first; the real language model last, and only where its wheel is installed."""
    known: dict[str, list[Reference]] = {}
    for reference in reference_folders():
        known.setdefault(reference.path.parent.name, []).append(reference)
    for family in sorted(known, key=_FASTEST_FIRST.index):
        for reference in sorted(known[family], key=lambda one: one.form, reverse=True):
            yield Case(reference_plan(reference), reference)
    if find_language_model() is not None:
        yield Case(language_model_plan())


def tally(done: Sequence[tuple[Case, Audit]]) -> Tally:
    """Hold the findings against the cards."""
    found, planted, missing = 0, 0, []
    sound = []
    for case, audit in done:
        if case.reference is None:
            continue
        if case.reference.form == "sound":
            sound += [finding for finding in audit.record.findings if finding.gating]
        for fault in case.reference.card["faults"]:
            if fault["status"] != "asked":
                missing.append(f"{case.reference.path.parent.name}: {fault['name']}")
                continue
            planted += 1
            found += any(_finds(one, fault) for one in audit.record.findings)
    return Tally(found, planted, sum(one.verdict == "failed" for one in sound), len(sound), tuple(missing))


def _finds(finding: Finding, fault: Mapping[str, str]) -> bool:
    """Tell whether a finding is that of a planted fault."""
    asked = finding.probe == fault["probe"] and fault.get("check", finding.check) == finding.check
    return asked and finding.verdict == "failed"
