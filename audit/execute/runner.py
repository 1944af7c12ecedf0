"""From a plan to a record: freeze, ask, judge, write.

    fingerprints -> id -> plan stored -> for each check: controls, observe shard by shard, judge, verdict -> record.json

Running the same plan again resumes it, because every answer is found in the store again; a finished audit is only read.
"""

from __future__ import annotations

import platform
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.ask import Answerer, Asker, Store, asked_who, begin, opened_for, others, strangers, varying
from audit.errors import AbilityError, DokimasiaError, IntegrityError, ModelError
from audit.execute.observing import Sizes, observe, population_of
from audit.execute.target import plan_for
from audit.files import canonical, sha256, stored_json, write_atomic
from audit.integrity import place_of
from audit.model import ModelSource, abilities_of
from audit.plan import Check, Plan, as_plan, attempts_of, freeze, plan_text, register_end, register_plan, vouched
from audit.record import SCHEMA, Audit, Evidence, Finding, Limit, ModelRecord, Record, RunFacts, Sheet, dump
from audit.signing import Secret
from audit.verdict import (
    Decision,
    adjusted_level,
    audit_verdict,
    controls_of,
    covered,
    invalidate,
    judge_and_store,
    sentence,
    store_frame,
    told_of_asking,
    told_of_target,
    trials_of,
)

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["RunCallbacks", "audit_id", "fingerprint", "run"]

_VERSIONS = ("dokimasia", "numpy", "pandas", "pyarrow", "scipy", "torch", "transformers")


@dataclass
class RunCallbacks:
    """What a caller wants to hear while an audit runs; all of it is optional."""

    on_start: Callable[[Path], None] = lambda folder: None
    """The audit's folder, before the first question."""
    on_answer: Callable[[int], None] = lambda items: None
    """Items just answered."""
    on_finding: Callable[[Finding], None] = lambda finding: None
    """A check is done."""
    on_remark: Callable[[str], None] = lambda line: None
    """What a person should know of stored answers: whose were left out, how many were taken over."""
    command: str = ""


def run(
    plan: Plan | str | Path | None = None, *, into: str | Path = "audits", fresh: bool = False,
    watch: RunCallbacks | None = None, **asked: Any,
) -> Audit:
    """Run a plan, or one check: `run(model=model, data=rows, probe="factuality.closed_book", limit={"at_least": 0.8})`.

    The short form takes what `audit.plan.short_form.as_plan` says. Returns the audit; raises UsageError, ModelError,
    IntegrityError, and KeyboardInterrupt resumably.

    All data are read through before any model is opened, so that a mistake in their last row costs nothing.

    The folder is `into/<id>`; with `fresh`, and where another installation finished it or another model answers now at
    its endpoint, the next free `<id>-2`, `<id>-3`, ... A finished audit is read, not run again, unless a check of it
    crashed; its endpoints are asked first who they are. `fresh` takes no answer over from other audits.
    """
    plan = as_plan(plan, asked)
    Secret.here()  # one that is no key is told now, not as a crash of every check
    for check in plan.checks:
        for role, part in check.data.items():
            part.batches(check.probe.roles[role], limit=plan.limit)
    prints = {name: fingerprint(model) for name, model in plan.models.items()}
    frozen = freeze(plan, prints)
    name, watch = audit_id(frozen), watch or RunCallbacks()
    opened: dict[str, Any] = {}
    try:
        known = partial(strangers, parts=plan.models, opened=opened)
        folder, done = place_of(Path(into), name, frozen, fresh=fresh, remark=watch.on_remark, strangers=known)
        if done is not None:
            return done
        sizes = _read_through(plan)
        return _Run(plan, frozen, name, folder, prints, watch, sizes, alone=fresh, opened=opened).whole()
    finally:
        for name, model in opened.items():
            if model is not plan.models[name] and callable(close := getattr(model, "close", None)):
                close()


def _read_through(plan: Plan) -> Sizes:
    """Return the sizes of all data; raises DataError where a row is not as it must be."""
    sizes = Sizes()
    for check in plan.checks:
        for role in check.data:
            sizes.items(check, role, plan.limit)
    return sizes


def fingerprint(model: Any) -> str:
    """Return the fingerprint of a model part (files are read, weights are not loaded) or of an opened model."""
    return model.fingerprint() if isinstance(model, ModelSource) else model.fingerprint


def audit_id(frozen: Mapping[str, Any]) -> str:
    """Return the first 16 hex digits of the frozen plan's SHA-256."""
    return sha256(canonical(frozen)).removeprefix("sha256:")[:16]


@dataclass
class _Run:
    """One run of a frozen plan."""

    plan: Plan
    frozen: Mapping[str, Any]
    name: str
    folder: Path
    prints: Mapping[str, str]
    watch: RunCallbacks
    sizes: Sizes
    alone: bool
    """Take no answer over from other audits."""
    opened: dict[str, Any] = field(default_factory=dict)
    crashes: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    drawn: bool = False
    """Whether equal questions got different answers of the audited model."""

    def whole(self) -> Audit:
        started, clock = datetime.now(UTC), time.perf_counter()
        store = Store(self.folder, alone=self.alone, remark=self.watch.on_remark)
        with store.locked():
            write_atomic(self.folder / "plan.yaml", plan_text(self.plan, self.frozen).encode())
            deviations = register_plan(self.folder, self.frozen, self._items)
            self.watch.on_start(self.folder)
            self._open()
            identities, changed = begin(self.folder, self.opened)
            self.drawn = "main" in varying(identities)
            door = Asker(self.opened, store, self.plan.seed, self.name, self.watch.on_answer)
            findings = self._settle([self._check(check, door, changed) for check in self.plan.checks], changed)
            kept = {name: facts for name, facts in identities.items() if name not in changed}
            changed = sorted({*changed, *others(kept, self.opened)})
            if changed:
                findings = [
                    self._changed(finding, check, changed)
                    for finding, check in zip(findings, self.plan.checks, strict=True)
                ]
            answerer = Answerer(None if "main" in changed else identities.get("main"), self.opened.get("main"))
            attempts = attempts_of(self.folder, self.frozen, self._items, answerer)
            record = self._record(findings, identities, changed).model_copy(
                update={"deviations": deviations, "attempts": attempts}
            )
            facts = self._facts(started, time.perf_counter() - clock, door, store, sha256(dump(record)))
            write_atomic(self.folder / "run.json", dump(facts))  # first, as a record without it is not finished
            write_atomic(self.folder / "record.json", dump(record))
            register_end(self.folder, {one.check: one.verdict for one in findings}, answerer.known_as)
            self._tell(facts, identities)
        return Audit(self.folder, record, facts)

    def _tell(self, facts: RunFacts, identities: Mapping[str, Mapping[str, Any]]) -> None:
        """Say whose answers these are, as far as no model was asked here, and what endpoints were asked besides."""
        if problem := Secret.here().problem:
            self.watch.on_remark(f"nothing of this run counts for a later one: {problem}")
        if adopted := facts.adopted:
            parts = ", ".join(f"{count} from {name}" for name, count in adopted.items())
            self.watch.on_remark(f"{sum(adopted.values())} stored answers were taken over: {parts}")
        if facts.calls_identity:
            self.watch.on_remark(f"{facts.calls_identity} further calls went into who answers and what it can do")
        for name in varying(identities):
            self.watch.on_remark(
                f"{name}: equal questions get different answers; its change is told with at most 1 % false alarms"
            )

    def _items(self, check: str) -> int:
        """Return how many items the plan gives to a check."""
        one = next(one for one in self.plan.checks if one.name == check)
        return self.sizes.items(one, "items", self.plan.limit)

    def _open(self) -> None:
        """Open the models that are not yet; ModelError for files that just changed."""
        for name, model in self.plan.models.items():
            if name not in self.opened:
                self.opened[name] = opened_for(model)
            if fingerprint(self.opened[name]) != self.prints[name]:
                raise ModelError(f"{self.opened[name].name}: its files changed while they were read; run it again")

    def _check(self, check: Check, door: Asker, changed: list[str]) -> Finding:
        begun, calls = time.perf_counter(), door.calls
        finding = self._safely(check, lambda: self._missing(check, door) or self._judged(check, door))
        made = {"calls": door.calls - calls, "calls_saved": self._saved(check, finding, door.calls - calls)}
        finding = self._changed(finding.model_copy(update=made), check, changed)
        self.seconds[check.name] = round(time.perf_counter() - begun, 3)
        if not (check.exploratory and self._settles):
            self.watch.on_finding(finding)
        return finding

    def _safely(self, check: Check, find: Callable[[], Finding]) -> Finding:
        """Return what `find` finds; a finding of its own where it raises, but for an altered audit."""
        try:
            return find()
        except IntegrityError:
            raise
        except AbilityError as error:
            return self._unable(check, error)
        except DokimasiaError as error:
            return self._crash(check, str(error))
        except Exception as error:
            return self._crash(check, f"{type(error).__name__}: {error}")

    @property
    def _settles(self) -> bool:
        return len(self.plan.exploratory) > 1

    def _settle(self, findings: list[Finding], changed: list[str]) -> list[Finding]:
        """Return the findings with those of the exploratory family judged at the level that they reach together."""
        if not self._settles:
            return findings
        family = [finding for finding in findings if finding.family]
        probes = {check.name: check.probe for check in self.plan.checks}
        level = adjusted_level(self.folder, family, probes, level=self.plan.level, seed=self.plan.seed)
        settled = []
        for finding, check in zip(findings, self.plan.checks, strict=True):
            if finding.family and finding.measures:
                again = self._safely(check, partial(self._conclude, check, finding, level))
                told = {"calls": finding.calls, "calls_saved": finding.calls_saved}
                finding = self._changed(again.model_copy(update=told), check, changed)
            if finding.family:
                self.watch.on_finding(finding)
            settled.append(finding)
        return settled

    def _conclude(self, check: Check, finding: Finding, level: float) -> Finding:
        budget = len(self.sizes.units(check, "items", self.plan.limit)) if check.stop == "early" else None
        keeps, seed = self.plan.keep_level(check), self.plan.seed
        done = judge_and_store(self.folder, finding, check.probe, level=level, seed=seed, keeps=keeps, budget=budget)
        done = told_of_target(done, self.plan.target)
        return told_of_asking(done, self.opened.get("main"), self.folder) if check.probe.needs else done

    def _saved(self, check: Check, finding: Finding, calls: int) -> int:
        if check.stop == "full" or not finding.measures:
            return 0
        return max(0, self.sizes.calls(check, self.plan.limit) - calls)

    def _changed(self, finding: Finding, check: Check, changed: list[str]) -> Finding:
        """A finding falls with any model it may have asked; a data audit asks none."""
        return invalidate(finding) if changed and check.probe.needs else finding

    def _crash(self, check: Check, message: str) -> Finding:
        self.crashes[check.name] = traceback.format_exc()
        one_line = " ".join(message.split())[:500]
        return self._finding(check, Decision("crashed", {"key": "crashed", "error": one_line}))

    def _missing(self, check: Check, door: Asker) -> Finding | None:
        for ability in sorted(check.probe.needs):
            if not door.has(ability):
                model = self.opened.get("main")
                why = getattr(model, "missing", {}).get(ability, "this kind of model does not have the ability")
                name = model.name if model is not None else "the plan has no model and"
                return self._unable(check, AbilityError(name, ability, why))
        for role, wanted in check.probe.roles.items():
            if wanted.required and role not in check.data:
                return self._finding(check, Decision("skipped", {"key": "data", "role": role}))
        return None

    def _unable(self, check: Check, error: AbilityError) -> Finding:
        reason = {"key": "ability", "model": error.model, "ability": error.question, "why": error.why}
        return self._finding(check, Decision("skipped", reason))

    def _judged(self, check: Check, door: Asker) -> Finding:
        door.begin()
        plan = plan_for(check, self.plan, self.opened.get("main"), drawn=self.drawn)
        level = plan.check_level(check)
        trials = trials_of(check.probe, seed=self.plan.seed, check=check.name)
        controls = controls_of(check.probe, level=level, seed=self.plan.seed, check=check.name, trials=trials)
        observed: dict[str, pd.DataFrame] = {}
        evidence, counts = [], {}
        for role in sorted(check.data, key=lambda one: one == "items"):
            frame = observe(check, plan, door, role, observed)
            if frame is None:
                return self._finding(check, Decision("skipped", {"key": "no_items", "role": role}))
            counts[role] = len(frame)
            evidence.append(store_frame(self.folder, f"observations/{check.name}.{role}.parquet", frame))
            observed[role] = frame
        not_yet = Decision("measured", {"key": "no_measure", "measure": ""})
        finding = self._finding(check, not_yet, controls, evidence, counts)
        of = {"population": population_of(check, plan, observed, self.sizes), "controlled": covered(trials)}
        return self._conclude(check, finding.model_copy(update=of), level)

    def _finding(
        self,
        check: Check,
        decision: Decision,
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
            family="exploratory" if check.exploratory else None,
            why=sentence(decision.reason),
            reason=decision.reason,
            clauses=list(check.clauses),
            limit=None if check.limit is None else Limit.model_validate(check.limit.model_dump()),
            stop=check.stop,
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
            promise=self.plan.promise,
            target=self.plan.target,
            seed=self.plan.seed,
            models=models,
            findings=findings,
            changed=changed,
            sheet=None if self.plan.sheet is None else Sheet.model_validate(self.plan.sheet.model_dump()),
            two_person=self.plan.two_person,
        )

    def _facts(self, started: datetime, seconds: float, door: Asker, store: Store, record: str) -> RunFacts:
        facts = RunFacts(
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
            calls_identity=asked_who(self.opened.values()),
            attempts=_attempts(self.folder / "run.json") + 1,
            seconds_by_check=self.seconds,
            crashes=self.crashes,
            evidence=store.evidence,
            adopted=store.adopted,
            record=record,
        )
        return vouched(self.folder, facts)


def _attempts(path: Path) -> int:
    """Return how often the audit was run before, as far as that can be read."""
    try:
        before = stored_json(path).get("attempts")
    except IntegrityError:
        return 0
    return before if type(before) is int else 0
