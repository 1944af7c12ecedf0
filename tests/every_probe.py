"""An audit in which every built-in probe has judged its own planted fault and clean twin, and every reason occurs.

What it says is what real audits say: measures, methods, groups, columns and reasons come from probes and verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, get_args

import numpy as np
from report_fixtures import LEVEL, LM, write_audit

from audit.files import write_atomic
from audit.probe import Probe
from audit.probes.novelty.scores import Score
from audit.record import Audit, Deviation, Finding, Limit, ModelRecord, Sheet, dump, load_record
from audit.verdict import Decision, covered, decide, sentence, store_frame, trials_of
from detectors.result import Measure, Result

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "bias.data": [
        {}, {"label": None, "questions": ("representation",)}, {"identity": ("key",), "questions": ("overlap",)},
        {"sensitive": ("gender", "age"), "features": ("one", "two"), "reference": {"age": {"0": 0.5, "1": 0.5}},
         "cite": "x", "identity": ("key",)},
        {"within": ("2",), "questions": ("reversals", "labels")},
        {"label": None, "features": ("0", "1"), "questions": ("missing_columns",)},
    ],
    **{name: [{}, {"nothing": "nobody", "reference": {"a": 0.7, "b": 0.3}, "cite": "x"}]
       for name in ("bias.generated_images", "bias.image_data")},
    "bias.multiple_choice": [{}, {"mode": "generate"}],
    "bias.predictions": [{}, {"label": "label", "low": 0, "high": 100, "top": 0.1, "features": ("x",)}],
    "bias.stereotype_pairs": [{}, {"variant": "paper"}, {"variant": "pll-word-l2r"}],
    "memorisation.membership": [
        {}, {"score": "windowed_votes", "reference": "base"}, {"score": "secmi"}, {"score": "peakedness"},
    ],
    "novelty.data": [{}, {"score": "mixture", "beside": (), "tpr": 0.95, "prevalence": 0.01}],
    "novelty.likelihood": [
        {}, {"score": "input_complexity", "beside": tuple(one for one in get_args(Score) if one != "input_complexity"),
             "blurred": True, "ensemble": ("second", "third"), "tpr": 0.9, "prevalence": 0.1,
             "tail_rate": 1e-3, "drift": 50, "maps": True},
        {"score": "inversion", "beside": ("isolation_forest", "latent_norm")},
    ],
    "novelty.contrast": [
        {},
        {"densities": ("밀도", "다른 밀도"), "complexity": True, "beside": ("mixture", "dte_np", "isolation_forest")},
    ],
    "factuality.closed_book": [{"mode": "choice"}, {"mode": "generate"}, {"mode": "generate", "p_ik": True}],
    "factuality.calibration": [{}, {"promise": "claims"}, {"mode": "choice"}, {"mode": "predict"}],
    "factuality.uncertainty": [{}, {"score": "mean_entropy_bound"}],
    "factuality.rag": [{}, {"answers": "given"}],
    "factuality.recognition": [{}, {"mode": "generate"}],
    "provenance.audio_mark": [{}, {"sounds": "marked", "attacks": ("echo at 0.3",)}],
    "provenance.video_mark": [{}, {"videos": "marked", "attacks": ("drop at 0.25",)}],
    "provenance.image_mark": [{}, {"images": "drawn", "mark": {"use": "invisible-watermark"}}],
    "provenance.text_mark": [{}, {"attacks": ("delete at 0.5",), "lengths": (4,)}],
    "robustness.images": [{}, {"mode": "log_prob"}],
    "transparency.attribution": [
        {}, {"methods": ("leave_one_out", "shapley", "contextcite"), "answers": "given"},
        {"methods": ("integrated_gradients", "gradient_x_input", "integrated_gradients_mean"), "steps": 2},
    ],
    "robustness.text": [{"mode": one} for one in ("choice", "generate", "predict")],
}
REASONS: list[tuple[str, dict[str, Any]]] = [
    ("skipped", {"key": "ability", "model": "our-model", "ability": "log_prob",
                 "why": "this kind of model does not have the ability"}),
    ("skipped", {"key": "data", "role": "foreign"}),
    ("skipped", {"key": "no_items", "role": "items"}),
    ("skipped", {"key": "library", "library": "c2pa", "extra": "c2pa"}),
    ("crashed", {"key": "crashed", "error": "RuntimeError: 0/64"}),
    ("inconclusive", {"key": "control_positive"}),
    ("inconclusive", {"key": "control_negative"}),
    ("inconclusive", {"key": "changed"}),
    ("inconclusive", {"key": "no_measure", "measure": "of any kind"}),
    ("inconclusive", {"key": "no_group", "measure": "of any kind", "groups": "서울, 부산"}),
]  # fmt: skip


def built_in_probes() -> Iterator[Probe]:
    """Every probe of ours, in each of its ways."""
    for point in sorted(entry_points(group="dokimasia.probes"), key=lambda one: one.name):
        if point.value.startswith("audit.probes."):
            for options in OPTIONS.get(point.name, [{}]):
                yield point.load()(**options)


def judged(probe: Probe) -> Iterator[Result]:
    """What a probe says of its planted fault and of its clean twin."""
    for observed in probe.controls(np.random.default_rng(1)):
        yield probe.judge(observed, level=LEVEL, rng=np.random.default_rng(2))


def in_range(probe: Probe, measures: Iterable[Any]) -> set[str]:
    """The names of measures that a probe declares; each has the unit and lies in the range that it declares."""
    named = set()
    for one in measures:
        declared = probe.measures.get(one.name)
        if declared is not None:
            named.add(one.name)
            assert one.unit == declared.unit, (probe.name, one.name)
            for number in (one.value, one.low, one.high):
                assert number is None or declared.holds(number), (probe.name, one.name, number)
    return named


def of_every_probe(folder: Path) -> Audit:
    """Write the audit; half of its checks have a limit that they fail, keep or cross."""
    found, number = [], 0
    for probe in built_in_probes():
        known = {"controlled": covered(trials_of(probe, seed=0, check="x"))}
        for result in judged(probe):
            number += 1
            found.append(_finding(folder, f"c{number:02}", probe, result, limited=number % 3).model_copy(update=known))
    found += [_bare(f"r{place:02}", *reason) for place, reason in enumerate(REASONS)]
    audit = write_audit(folder, found, title="감사", models={"main": LM, "classifier": _CLASSIFIER})
    more = {"deviations": _DEVIATIONS, "sheet": Sheet(inventory_id="7", purpose="상담", owner="김지우", tier="상")}
    write_atomic(folder / "record.json", dump(audit.record.model_copy(update=more)))
    return load_record(folder)


_DEVIATIONS = [
    Deviation(check="c01", what="limit.at_most", before=0.1, after=0.2, registered="0123"),
    Deviation(check="c02", what="check", before=None, after="c02", registered="0123"),
    Deviation(what="seed", before=1, after=2, registered="0123"),
    Deviation(check="c04", what="stop", before="full", after="early", registered="0123"),
]


_CLASSIFIER = ModelRecord(
    name="ours", family="image_classifier", modality="image", fingerprint="sha256:0", abilities=["predict", "logits"],
    weights="GGUF Q4_1", windows=[2048, 1024],
)


def _finding(folder: Path, check: str, probe: Probe, result: Result, *, limited: int) -> Finding:
    measures = list(result.measures)
    limit = _limit(measures[0], limited) if limited and measures[0].value is not None else None
    decision = decide(measures, limit, {})
    evidence = []
    for frame, ending in ((result.items, ""), (result.table, ".table")):
        if frame is not None:
            evidence.append(store_frame(folder, f"items/{check}{ending}.parquet", frame))
    return _told(check, probe.name, decision, gating=limit is not None).model_copy(update={
        "measures": measures, "limit": limit, "evidence": evidence, "controls": {"positive": True, "negative": True},
        "remarks": [{"key": one.key, **one.values} for one in result.remarks], "more_units": decision.more_units,
        "fresh_units": decision.fresh_units, "smallest_effect": decision.smallest_effect,
        "family": "exploratory" if limit and check < "c06" else None,
        "data": {role: {"use": "file", "path": "x.csv", "items": 9} for role in probe.roles}, "calls": 9,
        "clauses": ["eu-ai-act:15"], "dimension": probe.dimension,
    })  # fmt: skip


def _limit(measure: Measure, way: int) -> Limit:
    """A limit below or at the headline's value."""
    assert measure.value is not None
    return Limit(measure=measure.name, group=measure.group, at_most=measure.value / 2 if way == 1 else measure.value)


def _told(check: str, probe: str, decision: Decision, *, gating: bool) -> Finding:
    return Finding(
        check=check, probe=probe, dimension=probe.partition(".")[0], verdict=decision.verdict, gating=gating,
        why=sentence(decision.reason), reason=decision.reason,
    )


def _bare(check: str, verdict: Any, reason: dict[str, Any]) -> Finding:
    return _told(check, "novelty.likelihood", Decision(verdict, reason), gating=True)
