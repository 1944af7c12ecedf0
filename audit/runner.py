"""From a plan to a record: freeze, ask, judge, write.

    fingerprints -> id -> plan stored -> for each check: controls, observe shard by shard, judge, verdict -> record.json

Running the same plan again resumes it, because every answer is found in the store again; a finished audit is only read.
"""

from __future__ import annotations

import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit import early
from audit.ask import Door
from audit.errors import DokimasiaError, IntegrityError, UsageError
from audit.files import arrow_table, canonical, parquet_bytes, read_frame, sha256, write_atomic
from audit.judging import controls_of, judge_stored, rng_for
from audit.model import ModelPart, Verifiable, abilities_of
from audit.plan import Check, Plan, freeze, plan_text
from audit.record import (
    SCHEMA,
    Audit,
    Evidence,
    Finding,
    Limit,
    MeasureRecord,
    ModelRecord,
    Record,
    RunFacts,
    Sheet,
    dump,
    load_record,
)
from audit.store import Store
from audit.verdict import Decision, audit_verdict, decide, sentence, spoil

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Observed
    from detectors.result import Result

__all__ = ["Watch", "audit_id", "expected_calls", "fingerprint", "run", "shards"]

_VERSIONS = ("dokimasia", "numpy", "pandas", "pyarrow", "scipy", "torch", "transformers")


@dataclass
class Watch:
    """What a caller wants to hear while an audit runs; all of it is optional."""

    on_start: Callable[[Path], None] = lambda folder: None
    """The audit's folder, before the first question."""
    on_answer: Callable[[int], None] = lambda items: None
    """Items just answered."""
    on_finding: Callable[[Finding], None] = lambda finding: None
    """A check is done."""
    command: str = ""


def run(plan: Plan, *, into: str | Path = "audits", fresh: bool = False, watch: Watch | None = None) -> Audit:
    """Run a plan and return the audit; raises UsageError, ModelError, IntegrityError, and KeyboardInterrupt resumably.

    Columns of the data are looked at before any model is opened.

    The folder is `into/<id>`; with `fresh` the next free `<id>-2`, `<id>-3`, ... A finished audit is read, not run
    again, unless a check of it crashed.
    """
    for check in plan.checks:
        for role, part in check.data.items():
            part.batches(check.probe.roles[role], limit=plan.limit)
    prints = {name: fingerprint(model) for name, model in plan.models.items()}
    frozen = freeze(plan, prints)
    name = audit_id(frozen)
    folder = _folder(Path(into), name, fresh=fresh)
    if (folder / "record.json").is_file():
        done = load_record(folder)
        if not any(finding.verdict == "crashed" for finding in done.record.findings):
            return done
        _not_reviewed(folder)
    return _Run(plan, frozen, name, folder, prints, watch or Watch()).whole()


def _not_reviewed(folder: Path) -> None:
    """Raise UsageError where people have spoken of this record: it must stay what they saw."""
    if any((folder / name).exists() for name in ("reviews.jsonl", "seal.json")):
        raise UsageError(f"{folder}: a check crashed, but the record was reviewed or sealed; --fresh runs it anew")


def fingerprint(model: Any) -> str:
    """Return the fingerprint of a model part (files are read, weights are not loaded) or of an opened model."""
    return model.fingerprint() if isinstance(model, ModelPart) else model.fingerprint


def audit_id(frozen: Mapping[str, Any]) -> str:
    """Return the first 16 hex digits of the frozen plan's SHA-256."""
    return sha256(canonical(frozen)).removeprefix("sha256:")[:16]


def expected_calls(plan: Plan) -> dict[str, int]:
    """Return check -> items that it will ask, from its data alone; a role's rows are counted, no model is opened."""
    return {
        check.name: sum(
            check.probe.estimate(sum(len(batch) for batch in part.batches(check.probe.roles[role], limit=plan.limit)))
            for role, part in check.data.items()
        )
        for check in plan.checks
    }


def _folder(into: Path, name: str, *, fresh: bool) -> Path:
    folder, count = into / name, 1
    while fresh and folder.exists():
        count += 1
        folder = into / f"{name}-{count}"
    return folder


def shards(batches: Iterator[pd.DataFrame], size: int) -> Iterator[pd.DataFrame]:
    """Cut a stream of frames into frames of `size` rows; boundaries depend on the rows alone."""
    import pandas as pd

    kept: list[pd.DataFrame] = []
    have = 0
    for batch in batches:
        kept.append(batch)
        have += len(batch)
        while have >= size:
            whole = pd.concat(kept) if len(kept) > 1 else kept[0]
            yield whole.iloc[:size]
            kept, have = [whole.iloc[size:]], have - size
    if have:
        yield pd.concat(kept) if len(kept) > 1 else kept[0]


@dataclass
class _Run:
    """One run of a frozen plan."""

    plan: Plan
    frozen: Mapping[str, Any]
    name: str
    folder: Path
    prints: Mapping[str, str]
    watch: Watch
    opened: dict[str, Any] = field(default_factory=dict)
    crashes: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def whole(self) -> Audit:
        started, clock = datetime.now(UTC), time.perf_counter()
        store = Store(self.folder)
        with store.locked():
            write_atomic(self.folder / "plan.yaml", plan_text(self.plan, self.frozen).encode())
            write_atomic(self.folder / "plan.json", canonical(self.frozen) + b"\n")
            self.watch.on_start(self.folder)
            identities = self._open()
            changed = self._compare(identities)
            door = Door(self.opened, store, self.plan.seed, self.name, self.watch.on_answer)
            findings = [self._check(check, door, changed) for check in self.plan.checks]
            changed = sorted({*changed, *(name for name, old in identities.items() if self._identity(name) != old)})
            if changed:
                findings = [
                    self._changed(finding, check, changed)
                    for finding, check in zip(findings, self.plan.checks, strict=True)
                ]
            record = self._record(findings, identities, changed)
            write_atomic(self.folder / "record.json", dump(record))
            self._close()
            facts = self._facts(started, time.perf_counter() - clock, door, store.evidence)
            write_atomic(self.folder / "run.json", dump(facts))
        return Audit(self.folder, record, facts)

    def _open(self) -> dict[str, dict[str, Any]]:
        """Open the models and return what endpoints show of themselves."""
        for name, model in self.plan.models.items():
            self.opened[name] = model.open() if isinstance(model, ModelPart) else model
        return {name: self._identity(name) for name, model in self.opened.items() if isinstance(model, Verifiable)}

    def _close(self) -> None:
        for model in self.opened.values():
            if callable(close := getattr(model, "close", None)):
                close()

    def _identity(self, name: str) -> dict[str, Any]:
        return dict(self.opened[name].identity())

    def _compare(self, identities: Mapping[str, dict[str, Any]]) -> list[str]:
        """Return the models that differ from what they showed when this audit began; at the beginning, store it."""
        import json

        path = self.folder / "identity.json"
        if path.is_file():
            before = json.loads(path.read_bytes())
            return sorted(
                name for name, facts in identities.items() if before.get(name) != json.loads(canonical(facts))
            )
        if identities:
            write_atomic(path, canonical(identities) + b"\n")
        return []

    def _check(self, check: Check, door: Door, changed: list[str]) -> Finding:
        begun, calls = time.perf_counter(), door.calls
        try:
            finding = self._missing(check, door) or self._judged(check, door)
        except IntegrityError:
            raise
        except DokimasiaError as error:
            finding = self._crash(check, str(error))
        except Exception as error:
            finding = self._crash(check, f"{type(error).__name__}: {error}")
        made = {"calls": door.calls - calls, "calls_saved": self._saved(check, finding, door.calls - calls)}
        finding = self._changed(finding.model_copy(update=made), check, changed)
        self.seconds[check.name] = round(time.perf_counter() - begun, 3)
        self.watch.on_finding(finding)
        return finding

    def _saved(self, check: Check, finding: Finding, calls: int) -> int:
        if check.stop == "full" or not finding.measures:
            return 0
        return max(0, expected_calls(self.plan)[check.name] - calls)

    def _changed(self, finding: Finding, check: Check, changed: list[str]) -> Finding:
        """A finding falls with any model it may have asked; a data audit asks none."""
        return spoil(finding) if changed and check.probe.needs else finding

    def _crash(self, check: Check, message: str) -> Finding:
        self.crashes[check.name] = traceback.format_exc()
        one_line = " ".join(message.split())[:500]
        return self._finding(check, Decision("crashed", {"key": "crashed", "error": one_line}))

    def _missing(self, check: Check, door: Door) -> Finding | None:
        for ability in sorted(check.probe.needs):
            if not door.can(ability):
                model = self.opened.get("main")
                why = getattr(model, "missing", {}).get(ability, "this kind of model does not have the ability")
                name = model.name if model is not None else "the plan has no model and"
                return self._finding(
                    check, Decision("skipped", {"key": "ability", "model": name, "ability": ability, "why": why})
                )
        for role, wanted in check.probe.roles.items():
            if wanted.required and role not in check.data:
                return self._finding(check, Decision("skipped", {"key": "data", "role": role}))
        return None

    def _judged(self, check: Check, door: Door) -> Finding:
        level = self.plan.check_level(check)
        controls = controls_of(check.probe, level=level, seed=self.plan.seed, check=check.name)
        observed: dict[str, pd.DataFrame] = {}
        evidence, counts = [], {}
        for role in sorted(check.data, key=lambda one: one == "items"):
            frame = self._observe(check, door, role, observed)
            if frame is None:
                return self._finding(check, Decision("skipped", {"key": "no_items", "role": role}))
            counts[role] = len(frame)
            evidence.append(self._keep(f"observations/{check.name}.{role}.parquet", frame))
            observed[role] = read_frame(self.folder / evidence[-1].path)
        result = self._judge(check, observed)
        if result.items is not None:
            evidence.append(self._keep(f"items/{check.name}.parquet", result.items))
        if result.table is not None:
            evidence.append(self._keep(f"items/{check.name}.table.parquet", result.table))
        measures = [MeasureRecord.model_validate(vars(measure)) for measure in result.measures]
        finding = self._finding(check, decide(measures, check.limit, controls), measures, controls, evidence, counts)
        return finding.model_copy(update={"remarks": [{"key": one.key, **one.values} for one in result.remarks]})

    def _judge(self, check: Check, observed: Observed) -> Result:
        level, seed = self.plan.check_level(check), self.plan.seed
        return judge_stored(
            check.name, check.probe, observed, level=level, seed=seed, stop=check.stop, limit=check.limit
        )

    def _observe(self, check: Check, door: Door, role: str, before: Observed) -> pd.DataFrame | None:
        """Return what the probe observed of a role; of `items` last, and with `stop: early` only until it decides."""
        import pandas as pd

        batches = check.data[role].batches(check.probe.roles[role], limit=self.plan.limit)
        if check.stop == "full" or role != "items":
            frames = [check.probe.observe(door, shard, role) for shard in shards(batches, self.plan.shard)]
            return pd.concat(frames) if frames else None
        frames = []
        for shard in early.unit_shards(
            early.in_random_order(pd.concat(batches), rng_for(self.plan.seed, check.name, "order"))
        ):
            frames.append(check.probe.observe(door, shard, role))
            if self._decided(check, {**before, role: pd.concat(frames)}):
                break
        return pd.concat(frames) if frames else None

    def _decided(self, check: Check, observed: Observed) -> bool:
        assert check.limit is not None
        level = self.plan.check_level(check)
        result = check.probe.judge(observed, level=level, rng=rng_for(self.plan.seed, check.name, "judge"))
        return early.stopped(result, check.limit, level)[1]

    def _keep(self, name: str, frame: pd.DataFrame) -> Evidence:
        data = parquet_bytes(arrow_table(frame))
        write_atomic(self.folder / name, data)
        return Evidence(path=name, sha256=sha256(data))

    def _finding(
        self,
        check: Check,
        decision: Decision,
        measures: list[MeasureRecord] | None = None,
        controls: dict[str, bool] | None = None,
        evidence: list[Evidence] | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> Finding:
        frozen = next(one for one in self.frozen["checks"] if one["name"] == check.name)
        return Finding(
            check=check.name,
            probe=check.probe.name,
            dimension=check.probe.dimension,
            verdict=decision.verdict,
            gating=check.gates,
            why=sentence(decision.reason),
            reason=decision.reason,
            clauses=list(check.clauses),
            limit=None if check.limit is None else Limit.model_validate(check.limit.model_dump()),
            stop=check.stop,
            more_units=decision.more_units,
            measures=measures or [],
            controls=controls,
            evidence=evidence or [],
            options={key: value for key, value in frozen["probe"].items() if key != "use"},
            data={role: {**facts, "items": (counts or {}).get(role)} for role, facts in frozen["data"].items()},
        )

    def _record(self, findings: list[Finding], identities: Mapping[str, dict[str, Any]], changed: list[str]) -> Record:
        models = {
            name: ModelRecord(
                name=model.name,
                family=model.family,
                modality=model.modality,
                fingerprint=self.prints[name],
                abilities=sorted(abilities_of(model)),
                weights=getattr(model, "weights", None),
                identity=identities.get(name),
            )
            for name, model in self.opened.items()
        }
        return Record(
            schema_=SCHEMA,
            id=self.name,
            title=self.plan.title,
            plan=sha256(canonical(self.frozen)),
            verdict=audit_verdict(findings),
            level=self.plan.level,
            seed=self.plan.seed,
            models=models,
            findings=findings,
            changed=changed,
            sheet=None if self.plan.sheet is None else Sheet.model_validate(self.plan.sheet.model_dump()),
            two_person=self.plan.two_person,
        )

    def _facts(self, started: datetime, seconds: float, door: Door, stored: list[Evidence]) -> RunFacts:
        before = self.folder / "run.json"
        attempts = RunFacts.model_validate_json(before.read_bytes()).attempts + 1 if before.is_file() else 1
        return RunFacts(
            started=started.isoformat(timespec="seconds"),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(seconds, 3),
            host=platform.node(),
            platform=platform.platform(),
            python=sys.version.split()[0],
            versions={name: metadata.version(name) for name in _VERSIONS},
            command=self.watch.command,
            calls=door.calls,
            calls_asked=door.asked,
            attempts=attempts,
            seconds_by_check=self.seconds,
            crashes=self.crashes,
            evidence=stored,
        )
