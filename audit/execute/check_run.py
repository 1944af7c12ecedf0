"""One check alone: what is missing, controls, observe, judge; whatever goes wrong is a finding too.

    missing -> skipped;  controls -> observe role by role -> store -> judge -> store;  an exception -> crashed

It needs nothing of the other checks, so that it may run wherever its model and its folder are.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, NamedTuple

from audit.errors import AbilityError, BudgetError, DokimasiaError, IntegrityError, LibraryError, StorageError
from audit.execute.ahead import Ahead
from audit.execute.observing import Watch, observe
from audit.execute.target import plan_for, repeatable
from audit.record import Declared, Evidence, Finding, Limit, observations_name
from audit.verdict import (
    Decision,
    controls_of,
    covered,
    judge_and_store,
    sentence,
    store_frame,
    told_of_asking,
    told_of_issues,
    told_of_target,
    trials_of,
)
from detectors.immutable import immutable

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from audit.ask import Asker
    from audit.execute.dry_run import Sizes
    from audit.plan import Check, Plan
    from audit.probe import Observed

__all__ = ["CheckRun", "Outcome"]


class Outcome(NamedTuple):
    """What came of a check."""

    finding: Finding
    crash: str | None = None
    """The traceback of a check that crashed."""


@immutable
class CheckRun:
    """A check of a frozen plan, with all that it takes to run it."""

    check: Check
    plan: Plan
    frozen: Mapping[str, Any]
    """What the frozen plan says of the check."""
    folder: Path
    sizes: Sizes
    model: Any = None
    """The audited model, opened; None where data are audited."""
    drawn: bool = False
    """Whether equal questions got different answers of it."""
    watch: Watch = field(default_factory=Watch)
    """Hears what is observed, and what a check that stops early sees at each look."""
    ahead: Ahead = field(default_factory=Ahead)
    """Who may have answered already."""

    def ask(self, door: Asker) -> Outcome:
        """Ask, judge and store; raises IntegrityError for an altered audit, BudgetError, StorageError, nothing else."""
        before = door.calls
        outcome = self._safely(lambda: self._missing(door) or self._judged(door))
        calls = door.calls - before
        return _with(outcome, calls=calls, calls_saved=self._saved(outcome.finding, calls))

    def judge_again(self, finding: Finding, level: float) -> Outcome:
        """Judge what was observed at another level; raises as `ask`."""
        outcome = self._safely(lambda: self._concluded(finding, level))
        return _with(outcome, calls=finding.calls, calls_saved=finding.calls_saved)

    def _safely(self, find: Callable[[], Finding]) -> Outcome:
        """Return what `find` finds; a finding of its own where it raises, but for what ends a run."""
        try:
            return Outcome(find())
        except (IntegrityError, BudgetError, StorageError):
            raise
        except AbilityError as error:
            return Outcome(self._unable(error))
        except LibraryError as error:
            reason = {"key": "library", "library": error.library, "extra": error.extra}
            return Outcome(self._finding(Decision("skipped", reason)))
        except DokimasiaError as error:
            return self._crashed(str(error))
        except Exception as error:
            return self._crashed(f"{type(error).__name__}: {error}")

    def _crashed(self, message: str) -> Outcome:
        reason = {"key": "crashed", "error": " ".join(message.split())[:500]}
        return Outcome(self._finding(Decision("crashed", reason)), traceback.format_exc())

    def _missing(self, door: Asker) -> Finding | None:
        for ability in sorted(self.check.probe.needs):
            if not door.has(ability):
                why = getattr(self.model, "missing", {}).get(ability) or door.lacking(ability)
                return self._unable(AbilityError(self.model.name, ability, why))
        for role, wanted in self.check.probe.roles.items():
            if wanted.required and role not in self.check.data:
                return self._finding(Decision("skipped", {"key": "data", "role": role}))
        return None

    def _unable(self, error: AbilityError) -> Finding:
        reason = {"key": "ability", "model": error.model, "ability": error.question, "why": error.why}
        return self._finding(Decision("skipped", reason))

    def _judged(self, door: Asker) -> Finding:
        door.begin()
        check, seed = self.check, self.plan.seed
        plan = plan_for(check, self.plan, self.model, drawn=self.drawn)
        level = plan.check_level(check)
        trials = trials_of(check.probe, seed=seed, check=check.name)
        controls = controls_of(check.probe, level=level, seed=seed, check=check.name, trials=trials)
        finding = self._observed(door, plan, controls)
        if finding.verdict == "skipped":
            return finding
        return self._concluded(finding.model_copy(update={"controlled": covered(trials)}), level)

    def _observed(self, door: Asker, plan: Plan, controls: dict[str, bool]) -> Finding:
        """Store what is observed, which is not held beyond it, and return the finding that it will be judged for."""
        check = self.check
        observed: dict[str, pd.DataFrame] = {}
        evidence, counts = [], {}
        for role in sorted(check.data, key=lambda one: one == "items"):
            frame = observe(check, plan, door, role, observed, self.watch, self.ahead)
            if frame is None:
                return self._finding(Decision("skipped", {"key": "no_items", "role": role}))
            counts[role] = len(frame)
            evidence.append(store_frame(self.folder, observations_name(check.name, role), frame))
            observed[role] = frame
        not_yet = Decision("measured", {"key": "no_measure", "measure": ""})
        finding = self._finding(not_yet, controls, evidence, counts)
        return finding.model_copy(update={"population": self._population(plan, observed)})

    def _population(self, plan: Plan, observed: Observed) -> int | None:
        """Return how many units the benchmark has that the numbers are those of; None where they speak of more."""
        if plan.target == "population" or not repeatable(self.check.probe, observed):
            return None
        return len(self.sizes.units(self.check, "items", None))

    def _concluded(self, finding: Finding, level: float) -> Finding:
        check, plan = self.check, self.plan
        budget = len(self.sizes.units(check, "items", plan.limit)) if check.stop == "early" else None
        done = judge_and_store(
            self.folder, finding, check.probe,
            level=level, seed=plan.seed, keeps=plan.keep_level(check), budget=budget,
        )  # fmt: skip
        done = told_of_issues(told_of_target(done, plan.target))
        return told_of_asking(done, self.model, self.folder) if check.probe.needs else done

    def _saved(self, finding: Finding, calls: int) -> int:
        if self.check.stop == "full" or not finding.measures:
            return 0
        return max(0, self.sizes.calls(self.check, self.plan.limit) - calls)

    def _finding(
        self,
        decision: Decision,
        controls: dict[str, bool] | None = None,
        evidence: list[Evidence] | None = None,
        counts: Mapping[str, int] | None = None,
    ) -> Finding:
        check = self.check
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
            declared=None if check.declared is None else Declared.model_validate(check.declared.model_dump()),
            stop=check.stop,
            controls=controls,
            evidence=evidence or [],
            options={key: value for key, value in self.frozen["probe"].items() if key != "use"},
            data={role: {**facts, "items": (counts or {}).get(role)} for role, facts in self.frozen["data"].items()},
        )


def _with(outcome: Outcome, **update: int) -> Outcome:
    return outcome._replace(finding=outcome.finding.model_copy(update=update))
