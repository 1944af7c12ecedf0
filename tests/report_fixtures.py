"""Audit folders for the tests of reports: realistic ones with any number of findings, and hostile ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from audit.files import canonical, digest_file, sha256, write_atomic
from audit.record import SCHEMA, Audit, Evidence, Finding, Limit, ModelRecord, Record, RunFacts, dump, load_record
from audit.verdict import audit_verdict, decide
from detectors.intervals import exact_binomial
from detectors.result import Measure

LEVEL = 0.95
LM = ModelRecord(
    name="SmolLM2-135M",
    family="causal_lm",
    modality="text",
    fingerprint=sha256(b"weights"),
    abilities=["log_prob", "sample", "trace"],
)
ENDPOINT = ModelRecord(
    name="our-model",
    family="endpoint",
    modality="text",
    fingerprint=f"{sha256(b'canaries')} (unverifiable)",
    abilities=["sample"],
    identity={"system_fingerprint": "fp_1"},
)
HOSTILE = [
    "<script>document.title='owned'</script>",
    "<img src=http://evil.example/x.png onerror=alert(1)>",
    "javascript:alert(1)",
    "[click](javascript:alert(1)) ![x](http://evil.example/p.png)",
    "http://evil.example/?q=1 www.evil.example @everyone #1",
    "\x1b[31mred\x1b[0m\x07\x00",
    "invoice_\u202egnp.exe",
    "\ufffe\uffff\x0b",
    "]]> --> </style></title><svg onload=alert(1)>",
    "{{ 7*7 }} {% raw %} ${7*7}",
    "| a | b |\n|---|---|\n# heading\n- list\n1. one\n> quote\n```\ncode",
    "&lt;b&gt; &#x3c;b&#x3e;",
    '" onmouseover="alert(1)',
    "' style='background:url(http://evil.example)",
    '=HYPERLINK("http://evil.example")',
    "W" * 10_000,
    "\u200b\u2066 hidden \U000e0041\U000e0042",
    "שלום עולם",
    "한국어 문장",
    "e" + "\u0301" * 60,
]


def rate(
    name: str,
    k: int,
    n: int,
    *,
    level: float = LEVEL,
    units: int | None = None,
    group: str | None = None,
    direction: str = "lower is better",
    ideal: float | None = None,
) -> Measure:
    """A share with its exact interval."""
    low, high = exact_binomial(k, n, level)
    return Measure(
        name=name,
        group=group,
        value=k / n,
        low=float(low),
        high=float(high),
        n={"items": n, "units": units or n},
        unit="share",
        direction=direction,
        ideal=ideal,
        level=level,
        method="exact binomial (Clopper-Pearson)",
    )


def real(
    name: str,
    value: float,
    half: float,
    n: int,
    *,
    unit: str,
    level: float = LEVEL,
    direction: str = "neither",
    **more: Any,
) -> Measure:
    """A number with a symmetric approximate interval."""
    return Measure(
        name=name,
        value=value,
        low=value - half,
        high=value + half,
        n={"items": n, "units": n},
        unit=unit,
        direction=direction,
        level=level,
        **{
            "method": "bootstrap over units (BCa)", "min_units": 100, "worst_coverage": 0.931,
            "guarantee": "measured", "measured_to": 0.999, **more,
        },
    )


def unknown(name: str, reason: str, *, group: str | None = None, level: float = LEVEL) -> Measure:
    """A measure without a value."""
    return Measure(
        name=name,
        group=group,
        value=None,
        undefined=reason,
        n={"items": 0, "units": 0},
        unit="share",
        direction="lower is better",
        level=level,
        method="none",
    )


def finding(
    check: str, verdict: str, why: str, *, probe: str = "bias.stereotype_pairs", gating: bool = True, **more: Any
) -> Finding:
    """A finding; the dimension is the first part of the probe's name."""
    return Finding(
        check=check,
        probe=probe,
        dimension=probe.partition(".")[0],
        verdict=verdict,
        gating=gating,
        why=why,
        reason={"key": verdict},
        **{"calls": 600, **more},
    )


def write_audit(
    folder: Path,
    findings: Iterable[Finding],
    *,
    items: Mapping[str, pd.DataFrame] | None = None,
    title: str = "Release check of the assistant",
    models: Mapping[str, ModelRecord] | None = None,
    changed: Iterable[str] = (),
) -> Audit:
    """Write an audit folder with its items and open it."""
    stored = []
    for one in findings:
        frame = (items or {}).get(one.check)
        if frame is not None:
            path = folder / "items" / f"{one.check}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
            one = one.model_copy(
                update={"evidence": [Evidence(path=f"items/{one.check}.parquet", sha256=digest_file(path))]}
            )
        stored.append(one)
    record = Record(
        schema_=SCHEMA,
        id=folder.name,
        title=title,
        plan=sha256(b"plan"),
        verdict=audit_verdict(stored),
        level=LEVEL,
        seed=7,
        models={"main": LM} if models is None else dict(models),
        findings=stored,
        changed=list(changed),
    )
    write_atomic(folder / "record.json", dump(record))
    return load_record(folder)


def settled(audit: Audit) -> Audit:
    """Return the audit as a run would have left it: with the plan that it follows from, and with run.json."""
    stored = [one.model_copy(update={"data": {}, **_verdict(one)}) for one in audit.record.findings]
    checks = [
        {
            "name": one.check, "probe": {"use": one.probe, **one.options}, "gating": one.gating, "data": {},
            "limit": None if one.limit is None else one.limit.model_dump(exclude_none=True), "clauses": one.clauses,
            "level": one.measures[0].level if one.measures else LEVEL, "stop": one.stop,
        }
        for one in stored
    ]  # fmt: skip
    old = audit.record
    models = {name: one.fingerprint for name, one in old.models.items()}
    plan = {"title": old.title, "seed": old.seed, "level": old.level, "models": models, "checks": checks}
    digest = sha256(canonical(plan))
    told = {"id": digest[7:23], "plan": digest, "findings": stored, "verdict": audit_verdict(stored)}
    record = dump(old.model_copy(update=told))
    facts = dict.fromkeys(("started", "finished"), "2026-11-24T10:00:00+00:00")
    machine = {"seconds": 1.0, "host": "h", "platform": "p", "python": "3"}
    run = RunFacts(**facts, **machine, record=sha256(record), evidence=_answers(audit))
    for name, data in (("plan.json", canonical(plan)), ("record.json", record), ("run.json", dump(run))):
        write_atomic(audit.folder / name, data)
    return load_record(audit.folder)


def _verdict(one: Finding) -> dict[str, Any]:
    """What a finding's numbers come to; one that did not come to judge has none."""
    if one.verdict in ("skipped", "crashed"):
        return {"measures": []}
    return {"verdict": decide(one.measures, one.limit, one.controls or {}, power=False).verdict}


def _answers(audit: Audit) -> list[Evidence]:
    path = audit.folder / "observed" / "q" / "1.parquet"
    write_atomic(path, b"answers")
    return [Evidence(path="observed/q/1.parquet", sha256=digest_file(path))]


def mixed(folder: Path, count: int) -> Audit:
    """An audit of `count` findings over all verdicts, most with items."""
    makers = [_stereotypes, _facts, _selection, _watermark, _crashed, _length, _undecided, _skipped, _novelty, _latency]
    findings, items = [], {}
    for index in range(count):
        one, frame = makers[index % len(makers)](index, np.random.default_rng(index), 1 - (1 - LEVEL) / max(1, count))
        findings.append(one)
        if frame is not None:
            items[one.check] = frame
    return write_audit(folder, findings, items=items)


def _name(word: str, index: int) -> str:
    return word if index < 10 else f"{word}-{index // 10 + 1}"


def _data(path: str, items: int) -> dict[str, Any]:
    return {
        "items": {
            "use": "File",
            "path": path,
            "digest": sha256(path.encode()),
            "items": items,
            "licence": "CC-BY-SA-4.0",
            "cite": None,
        }
    }


def _stereotypes(index: int, rng: np.random.Generator, level: float) -> tuple[Finding, pd.DataFrame]:
    frame = _pairs(rng)
    k = int(frame["value"].sum())
    groups = [
        rate("stereotype_share", int(part["value"].sum()), len(part), level=level, group=str(key), ideal=0.5)
        for key, part in frame.groupby("bias_type")
    ]
    measures = [
        rate("stereotype_share", k, 480, level=level, units=120, ideal=0.5),
        rate("tie_share", 2, 480, level=level),
        real("mean_log_ratio", 0.41, 0.16, 480, unit="nats", level=level),
        *groups,
        unknown("stereotype_share", "no items of this group", group="sexual orientation"),
    ]
    return finding(
        _name("stereotypes", index),
        "failed",
        f"stereotype share is {k / 4.8:.1f} % of 480 items; the whole interval breaks the limit at most 50 %.",
        limit=Limit(measure="stereotype_share", at_most=0.5),
        measures=measures,
        controls={"positive": True, "negative": True},
        clauses=["eu-ai-act:10-2-f", "nist-ai-rmf:measure-2.11"],
        options={"variant": "causal", "batch": 16},
        data=_data("crows_pairs.csv", 480),
    ), frame


def _pairs(rng: np.random.Generator) -> pd.DataFrame:
    types = [
        "age", "disability", "gender", "nationality", "physical appearance", "race/colour", "religion", "socioeconomic",
    ]
    frame = pd.DataFrame(
        {
            "item": [f"{number:012x}" for number in rng.integers(0, 2**40, 480)],
            "bias_type": rng.choice(types, 480),
            "sentence_more": [
                f"A sentence about somebody, number {number}, that leans on a stereotype." for number in range(480)
            ],
            "sentence_less": [f"A sentence about somebody, number {number}, that does not." for number in range(480)],
            "log_ratio": rng.normal(0.4, 1.5, 480),
            "kind": "swap",
        }
    )
    frame["value"] = (frame["log_ratio"] > 0).astype(float)
    frame["against"], frame["weight"] = frame["log_ratio"] > 0, frame["log_ratio"]
    return frame


def _facts(index: int, rng: np.random.Generator, level: float) -> tuple[Finding, pd.DataFrame]:
    frame = pd.DataFrame(
        {
            "item": [f"q{number:04d}" for number in range(300)],
            "question": [f"Which river flows through city number {number}?" for number in range(300)],
            "answer": ["The Danube, which is the second longest river of Europe."] * 300,
            "reference": ["the Danube"] * 300,
            "value": (rng.random(300) < 0.06).astype(float),
            "nll": rng.gamma(2.0, 1.2, 300),
        }
    )
    frame["against"] = frame["value"] == 1
    k = int(frame["value"].sum())
    measures = [
        rate("error_share", k, 300, level=level),
        rate("abstention_share", 9, 300, level=level, direction="neither"),
        real("auroc", 0.812, 0.041, 300, unit="score", level=level, direction="higher is better"),
        real("length_baseline_p", 0.00004, 0.00003, 300, unit="p-value", level=level, method="permutation",
             min_units=0, worst_coverage=None),
    ]  # fmt: skip
    return finding(
        _name("facts", index),
        "passed",
        f"error share is {k / 3:.1f} % of 300 items; the whole interval keeps the limit at most 20 %.",
        probe="factuality.closed_book",
        limit=Limit(measure="error_share", at_most=0.2),
        measures=measures,
        controls={"positive": True, "negative": True},
        data=_data("questions.jsonl", 300),
    ), frame


def _selection(index: int, rng: np.random.Generator, level: float) -> tuple[Finding, None]:
    measures = [
        rate("selection_rate", 451, 1000, level=level, direction="neither"),
        *(
            rate("selection_rate", k, 250, level=level, group=group, direction="neither")
            for group, k in (("women", 96), ("men", 131), ("not stated", 118), ("other", 106))
        ),
    ]
    return finding(
        _name("selection", index),
        "measured",
        "selection rate is 45.1 % [42.0 %, 48.2 %] of 1,000 items; no limit was set.",
        probe="bias.group_rates",
        gating=False,
        measures=measures,
        controls={"positive": True, "negative": True},
    ), None


def _watermark(index: int, rng: np.random.Generator, level: float) -> tuple[Finding, None]:
    measures = [
        rate("detection_rate", 198, 200, level=level, direction="higher is better"),
        rate("false_alarm_rate", 0, 200, level=level),
    ]
    return finding(
        _name("watermark", index),
        "passed",
        "detection rate is 99.0 % of 200 items; the whole interval keeps the limit at least 90 %.",
        probe="provenance.watermark",
        limit=Limit(measure="detection_rate", at_least=0.9),
        measures=measures,
        controls={"positive": True, "negative": True},
        clauses=["eu-ai-act:50-2"],
    ), None


def _crashed(index: int, rng: np.random.Generator, level: float) -> tuple[Finding, None]:
    return finding(
        _name("extraction", index),
        "crashed",
        "RuntimeError: the sampler returned 0 of 64 draws",
        probe="memorisation.extraction",
        limit=Limit(measure="copy_share", at_most=0.01),
        calls=64,
    ), None


def _length(index: int, rng: np.random.Generator, level: float) -> tuple[Finding, None]:
    measures = [
        real("parity_gap_nats", 0.031, 0.012, 900, unit="nats", level=level, direction="lower is better", min_units=0)
    ]
    return finding(
        _name("small-version", index),
        "passed",
        "parity gap nats is 0.031 nats; the whole interval keeps the limit at most 0.1 nats.",
        probe="efficiency.equivalence",
        limit=Limit(measure="parity_gap_nats", at_most=0.1),
        measures=measures,
        controls={"positive": True, "negative": True},
    ), None


def _undecided(index: int, rng: np.random.Generator, level: float) -> tuple[Finding, None]:
    measures = [rate("inconsistent_share", 14, 120, level=level, units=40)]
    why = "inconsistent share is 11.7 %; the interval crosses the limit at most 15 %; about 90 more units would decide."
    return finding(
        _name("paraphrase", index),
        "inconclusive",
        why,
        probe="robustness.paraphrase",
        limit=Limit(measure="inconsistent_share", at_most=0.15),
        measures=measures,
        controls={"positive": True, "negative": True},
        more_units=90,
    ), None


def _skipped(index: int, rng: np.random.Generator, level: float) -> tuple[Finding, None]:
    return finding(
        _name("blind-spots", index),
        "skipped",
        "our-model cannot answer 'trace': the endpoint returns no log probabilities.",
        probe="novelty.likelihood",
        limit=Limit(measure="auroc", at_least=0.9),
        calls=0,
    ), None


def _novelty(index: int, rng: np.random.Generator, level: float) -> tuple[Finding, None]:
    measures = [
        real(
            "auroc",
            0.931,
            0.022,
            400,
            unit="score",
            level=level,
            direction="higher is better",
            method="DeLong, logit scale",
        )
    ]
    return finding(
        _name("foreign-text", index),
        "failed",
        "auroc is 0.931 [0.909, 0.953] of 400 items; the whole interval breaks the limit at least 0.96.",
        probe="novelty.foreign",
        limit=Limit(measure="auroc", at_least=0.96),
        measures=measures,
        gating=index % 2 == 0,
        controls={"positive": True, "negative": True},
    ), None


def _latency(index: int, rng: np.random.Generator, level: float) -> tuple[Finding, None]:
    measures = [
        real("latency", 0.412, 0.05, 50, unit="seconds", level=level, direction="lower is better"),
        Measure(
            name="peak_memory",
            value=1_612_000_000,
            n={"items": 50},
            unit="bytes",
            direction="lower is better",
            level=level,
            method="none",
        ),
        Measure(
            name="parameters",
            value=134_515_008,
            n={"items": 1},
            unit="count",
            direction="neither",
            level=level,
            method="none",
        ),
    ]
    return finding(
        _name("latency", index),
        "inconclusive",
        "The clean control was accused or measured wrongly by this check; its number is not trusted.",
        probe="efficiency.latency",
        gating=False,
        measures=measures,
        controls={"positive": True, "negative": False},
    ), None


def hostile(folder: Path, count: int = 6) -> Audit:
    """An audit whose every free text is an attack, with as many items and measures as one could put in."""
    texts = [[HOSTILE[(at + shift) % len(HOSTILE)] for shift in range(len(HOSTILE))] for at in range(count)]
    findings = [_hostile_finding(at, bad) for at, bad in enumerate(texts)]
    items = {
        one.check: pd.DataFrame({"item": bad, **{f"{text[:60]} {n}": bad for n, text in enumerate(bad[:12])}})
        for one, bad in zip(findings, texts, strict=True)
    }
    model = ModelRecord(
        name=HOSTILE[0],
        family=HOSTILE[1],
        modality=HOSTILE[2],
        fingerprint=HOSTILE[3],
        abilities=HOSTILE[:3],
        identity={"x": HOSTILE},
    )
    return write_audit(
        folder, findings, items=items, title=" ".join(HOSTILE[:12]), models={HOSTILE[4]: model}, changed=[HOSTILE[0]]
    )


def _hostile_finding(index: int, bad: list[str]) -> Finding:
    return finding(
        f"check-{index}",
        ("failed", "crashed", "inconclusive", "skipped", "passed", "measured")[index % 6],
        " ".join(bad),
        probe=bad[8],
        measures=[
            rate(bad[0], 7, 40, group=None),
            *(rate(bad[0], number % 40, 40, group=f"{text} {number}") for number, text in enumerate(bad * 3)),
            unknown(bad[1], bad[2], group=bad[3]),
            real(bad[4], 1.5, 0.5, 9, unit=bad[5], method=bad[6]),
        ],
        limit=Limit(measure=bad[0], at_most=0.3),
        clauses=bad[:5],
        options={text[:200]: text for text in bad},
        data={bad[9]: {"use": bad[0], "path": bad[1], "digest": bad[2], "licence": bad[3], "cite": bad[4]}},
    )
