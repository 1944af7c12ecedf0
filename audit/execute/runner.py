"""From a plan to a record: freeze, ask, judge, write.

    fingerprints -> id -> plan stored -> for each check: controls, observe shard by shard, judge, verdict -> record.json

Running the same plan again resumes it, because every answer is found in the store again; a finished audit is only read.
"""

from __future__ import annotations

import platform
import sys
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from audit.ask import (
    Account,
    Answerer,
    Asker,
    Spending,
    Store,
    asked_who,
    begin,
    opened_for,
    others,
    strangers,
    told,
    varying,
)
from audit.errors import IntegrityError, ModelError
from audit.execute.ahead import Ahead, Executor, Local, Order
from audit.execute.check_run import CheckRun, Outcome
from audit.execute.dry_run import Sizes, expected_calls
from audit.execute.progress import ProgressFile
from audit.execute.too_few_items import lacks_of
from audit.files import canonical, sha256, stored_json, write_atomic
from audit.integrity import place_of
from audit.model import abilities_of, fingerprint_of
from audit.plan import (
    Check,
    Plan,
    as_plan,
    attempts_of,
    audited_data,
    freeze,
    plan_text,
    register_end,
    register_missed_end,
    register_plan,
    require_keys,
    vouched,
)
from audit.record import (
    RECORD_FILE,
    RUN_FILE,
    SCHEMA,
    WRITTEN_PLAN_FILE,
    Audit,
    Finding,
    ModelRecord,
    Record,
    RunFacts,
    Sheet,
    dump,
)
from audit.signing import Secret
from audit.storage import TELLING, bring_heads, local_folder
from audit.verdict import adjusted_level, audit_verdict, invalidate

__all__ = ["RunCallbacks", "audit_id", "run"]

_VERSIONS = ("dokimasia", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "torch", "transformers")


@dataclass
class RunCallbacks:
    """What a caller wants to hear while an audit runs; all of it is optional."""

    on_start: Callable[[Path], None] = lambda folder: None
    """The audit's folder, before the first question."""
    on_expected: Callable[[Mapping[str, int]], None] = lambda calls: None
    """Check -> items that it will ask: before the first question, and after every answer as far as is known then."""
    on_answer: Callable[[int], None] = lambda items: None
    """Items just answered."""
    on_finding: Callable[[Finding], None] = lambda finding: None
    """A check is done."""
    on_remark: Callable[[str], None] = lambda line: None
    """What a person should know of stored answers: whose were left out, how many were taken over; and, before anything
    is asked, which data are too few to decide anything."""
    command: str = ""


def run(
    plan: Plan | str | Path | None = None, *, into: str | Path = "audits", fresh: bool = False,
    watch: RunCallbacks | None = None, on: Executor | None = None, **asked: Any,
) -> Audit:
    """Run a plan, or one check: `run(model=model, data=rows, probe="factuality.closed_book", limit={"at_least": 0.8})`.

    The short form takes what `audit.plan.short_form.as_plan` says. Returns the audit; raises UsageError, ModelError,
    IntegrityError, and BudgetError and KeyboardInterrupt resumably.

    All data are read through and all keys had before any model is opened, so that a mistake in their last row, or a
    variable that is not set, costs nothing; of an audit that is finished only its endpoints' keys are needed.

    The folder is `into/<id>`; with `fresh`, and where another installation finished it or another model answers now at
    its endpoint, the next free `<id>-2`, `<id>-3`, ... A finished audit is read, not run again, unless a check of it
    crashed; its endpoints are asked first who they are. `fresh` takes no answer over from other audits. `on` says where
    questions are answered (`audit.execute.ray_executor`), by default here; the record is the same.
    """
    plan, into = as_plan(plan, asked), local_folder(into)
    Secret.here()  # one that is no key is told now, not as a crash of every check
    for check in plan.checks:
        for role in check.data:
            check.batches(role, plan.limit)
    prints = {name: fingerprint_of(model) for name, model in plan.models.items()}
    frozen = freeze(plan, prints)
    name, watch = audit_id(frozen), watch or RunCallbacks()
    opened: dict[str, Any] = {}
    bring_heads(into, TELLING)
    try:
        known = partial(strangers, parts=plan.models, opened=opened)
        folder, done = place_of(into, name, frozen, fresh=fresh, remark=watch.on_remark, strangers=known)
        if done is not None:
            register_missed_end(done)
            return done
        require_keys(plan)
        sizes = _expected(plan, watch)
        return _Run(plan, frozen, name, folder, prints, watch, sizes, fresh, on or Local(), opened).whole()
    finally:
        for name, model in opened.items():
            if model is not plan.models[name] and callable(close := getattr(model, "close", None)):
                close()


def _expected(plan: Plan, watch: RunCallbacks) -> Sizes:
    """Return how much the data hold; tell how many calls that makes, and which data are too few."""
    sizes = Sizes.of(plan)
    watch.on_expected(expected_calls(plan, sizes))
    for check in plan.checks:
        for lack in lacks_of(plan, check, sizes):
            watch.on_remark(f"{check.name}: {lack}")
    return sizes


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
    executor: Executor
    opened: dict[str, Any] = field(default_factory=dict)
    crashes: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    progress: ProgressFile = field(init=False)
    spending: Spending = field(init=False)

    def whole(self) -> Audit:
        started, clock = datetime.now(UTC), time.perf_counter()
        store = Store(self.folder, alone=self.alone, remark=self.watch.on_remark)
        with store.locked(), Spending(self.folder) as self.spending:
            write_atomic(self.folder / WRITTEN_PLAN_FILE, plan_text(self.plan, self.frozen).encode())
            deviations = register_plan(self.folder, self.frozen, self._items)
            self.watch.on_start(self.folder)
            self._open()
            self.progress = ProgressFile(self.folder, self.plan, self.sizes, self._audited())
            identities, changed = begin(self.folder, self.opened)
            door = Asker(self.opened, store, self.plan.seed, self.name, self._answered, self.plan.models)
            drawn = "main" in varying(identities)
            order = Order(self.plan, self.folder.absolute(), self.name, self.alone, drawn)
            with self.executor.ahead(order, door, self.watch.on_remark) as ahead:
                findings = self._findings(door, changed, ahead, drawn=drawn)
            door.asked += ahead.asked
            kept = {name: facts for name, facts in identities.items() if name not in changed}
            changed = sorted({*changed, *others(kept, self.opened)})
            pairs = zip(findings, self.plan.checks, strict=True)
            findings = [self._changed(finding, check, changed) for finding, check in pairs]
            answerer = Answerer(None if "main" in changed else identities.get("main"), self.opened.get("main"))
            attempts = attempts_of(self.folder, self.frozen, self._items, answerer)
            record = self._record(findings, identities, changed).model_copy(
                update={"deviations": deviations, "attempts": attempts}
            )
            facts = self._facts(started, time.perf_counter() - clock, door, store, sha256(dump(record)))
            write_atomic(self.folder / RUN_FILE, dump(facts))  # first, as a record without it is not finished
            write_atomic(self.folder / RECORD_FILE, dump(record))
            self.progress.remove()
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
        for name, spent in facts.spent.items():
            self.watch.on_remark(f"{name}, over all attempts: {told(spent)}")
        for name in varying(identities):
            self.watch.on_remark(
                f"{name}: equal questions get different answers; its change is told with at most 1 % false alarms"
            )

    def _audited(self) -> tuple[str, str]:
        """Return name and family of the audited model; of the data where there is none."""
        main, data = self.opened.get("main"), audited_data(self.frozen)
        return (main.name, main.family) if main is not None else ("" if data is None else data.name, "data")

    def _answered(self, items: int) -> None:
        self.progress.answered(items)
        self.watch.on_expected(self.progress.expected)
        self.watch.on_answer(items)

    def _items(self, check: str) -> int:
        """Return how many items the plan gives to a check."""
        one = next(one for one in self.plan.checks if one.name == check)
        return self.sizes.items(one, "items", self.plan.limit)

    def _open(self) -> None:
        """Open the models that are not yet; ModelError for files that just changed."""
        for name, model in self.plan.models.items():
            if name not in self.opened:
                self.opened[name] = opened_for(model, self.spending.account(name))
            if isinstance(account := getattr(self.opened[name], "account", None), Account):
                self.spending.account(name, account)
            if fingerprint_of(self.opened[name]) != self.prints[name]:
                raise ModelError(f"{self.opened[name].name}: its files changed while they were read; run it again")

    def _findings(self, door: Asker, changed: list[str], ahead: Ahead, *, drawn: bool) -> list[Finding]:
        """Return the finding of each check; `drawn`: equal questions get different answers of the audited model."""
        frozen, main = {one["name"]: one for one in self.frozen["checks"]}, self.opened.get("main")
        runs = [
            CheckRun(check, self.plan, frozen[check.name], self.folder, self.sizes, main, drawn, self.progress, ahead)
            for check in self.plan.checks
        ]
        return self._settled(runs, [self._asked(one, door, changed) for one in runs], changed)

    def _asked(self, one: CheckRun, door: Asker, changed: list[str]) -> Finding:
        begun = time.perf_counter()
        self.progress.begin(one.check.name)
        finding = self._kept(one.check, one.ask(door), changed)
        self.progress.end()
        self.seconds[one.check.name] = round(time.perf_counter() - begun, 3)
        if not (one.check.exploratory and self._settles):
            self.watch.on_finding(finding)
        return finding

    def _kept(self, check: Check, outcome: Outcome, changed: list[str]) -> Finding:
        if outcome.crash is not None:
            self.crashes[check.name] = outcome.crash
        return self._changed(outcome.finding, check, changed)

    @property
    def _settles(self) -> bool:
        return len(self.plan.exploratory) > 1

    def _settled(self, runs: list[CheckRun], findings: list[Finding], changed: list[str]) -> list[Finding]:
        """Return the findings with those of the exploratory family judged at the level that they reach together."""
        if not self._settles:
            return findings
        family = [finding for finding in findings if finding.family]
        probes = {check.name: check.probe for check in self.plan.checks}
        level = adjusted_level(self.folder, family, probes, level=self.plan.level, seed=self.plan.seed)
        settled = []
        for one, finding in zip(runs, findings, strict=True):
            if finding.family and finding.measures:
                finding = self._kept(one.check, one.judge_again(finding, level), changed)
            if finding.family:
                self.watch.on_finding(finding)
            settled.append(finding)
        return settled

    def _changed(self, finding: Finding, check: Check, changed: list[str]) -> Finding:
        """A finding falls with any model it may have asked; a data audit asks none."""
        return invalidate(finding) if changed and check.probe.needs else finding

    def _record(self, findings: list[Finding], identities: Mapping[str, dict[str, Any]], changed: list[str]) -> Record:
        models = {
            name: ModelRecord(
                name=model.name,
                family=model.family,
                modality=model.modality,
                fingerprint=self.prints[name],
                abilities=sorted(abilities_of(model)),
                weights=getattr(model, "weights", None),
                windows=getattr(model, "windows", None),
                cut_short=_cut_short(self.plan.models[name]),
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
            data=audited_data(self.frozen),
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
            versions=dict(_versions()),
            command=self.watch.command,
            calls=door.calls,
            calls_asked=door.asked,
            calls_identity=asked_who(self.opened.values()),
            spent=self.spending.facts(),
            attempts=_attempts(self.folder / RUN_FILE) + 1,
            seconds_by_check=self.seconds,
            crashes=self.crashes,
            evidence=store.evidence,
            adopted=store.adopted,
            record=record,
        )
        return vouched(self.folder, facts)


@cache
def _versions() -> Mapping[str, str]:
    """Return library -> version; zlib's too, as code lengths are those of the one at hand."""
    return {**{name: metadata.version(name) for name in _VERSIONS}, "zlib": zlib.ZLIB_RUNTIME_VERSION}


def _attempts(path: Path) -> int:
    """Return how often the audit was run before, as far as that can be read."""
    try:
        before = stored_json(path).get("attempts")
    except IntegrityError:
        return 0
    return before if type(before) is int else 0


@runtime_checkable
class _Fitted(Protocol):
    """A model on disk that may have been trained by `dokimasia fit`."""

    def learnt(self) -> frozenset[str]: ...

    def cut_short(self) -> list[int] | None: ...


def _cut_short(model: object) -> list[int] | None:
    return model.cut_short() if isinstance(model, _Fitted) else None
