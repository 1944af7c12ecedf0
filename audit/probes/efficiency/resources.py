"""What does a model take: parameters, bytes, operations, memory, energy?

    for every item: the operations of scoring it (likelihood or classes) and of one sample, counted; and a process of
    its own that opens the model, does both once, and tells the most memory that it held and the energy that it took

Counts are the same everywhere; memory and energy belong to the machine, and are asked of the model once an audit. Each
item costs a start of torch, some seconds: eight items give an interval at 99 %, ten one at 99.8 %.

    take: 10
    probe: {use: efficiency.resources}
    limit: {measure: peak_memory, at_most: 2.0e+9}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar

from audit.probe import AMOUNT, BYTES, COUNT, JOULES, Ask, Observed, Range, Role
from audit.probes.items import DRAWN_FOR, Sampling, shown_items
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["Resources"]

_WEIGHTS = ["parameters", "matrices", "weight_bytes", "stored_bytes"]


@immutable
class Resources:
    """Parameters, bytes of weights, operations of an answer, peak memory and energy of a model that computes here."""

    processes: int = 12
    """Items that a process of its own is started for, of some seconds, which memory and energy need; 0 = neither."""
    prompted: bool = False
    """Whether a sample is drawn for the item's text, as text-to-image pipelines want it; else for nothing."""
    sampling: Sampling = field(default_factory=dict)
    """Settings of the model's sampler, e.g. `{steps: 25}`."""

    name: ClassVar[str] = "efficiency.resources"
    dimension: ClassVar[str] = "efficiency"
    roles: ClassVar[Mapping[str, Role]] = {"items": DRAWN_FOR}
    measures: ClassVar[Mapping[str, Range]] = {
        "parameters": COUNT,
        "weight_bytes": BYTES,
        "stored_bytes": BYTES,
        "flops_per_item": COUNT,
        "flops_per_sample": COUNT,
        "flops_per_token": COUNT,
        "flops_per_token_estimate": COUNT,
        "peak_memory": BYTES,
        "empty_memory": BYTES,
        "memory_overhead": AMOUNT,
        "gpu_memory": BYTES,
        "energy_per_item": JOULES,
        "energy_per_sample": JOULES,
    }

    def __post_init__(self) -> None:
        """Refuse fewer processes than none."""
        if self.processes < 0:
            raise ValueError(f"processes: got {self.processes}; allowed: 0 or more")

    @property
    def needs(self) -> frozenset[str]:
        """A network that computes here."""
        return frozenset({"counted_work", "footprint"})

    def estimate(self, items: int) -> int:
        """Return a score and a sample an item, and the processes."""
        return items * 2 + min(items, self.processes)

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the columns of `detectors.efficiency.resources`, a row an item; DataError for items of no one kind."""
        import pandas as pd

        shown = list(shown_items(self.name, items))
        prompts = shown if self.prompted else [None] * len(items)
        sampling: dict[str, Any] = {**self.sampling}
        frame = pd.DataFrame(index=range(len(items)))
        evaluates = next((one for one in ("log_prob", "predict") if ask.can(one)), None)
        if evaluates is not None:
            told = ask("counted_work", shown, ability=evaluates)
            frame = frame.assign(**told[_WEIGHTS], score_flops=told["flops"], tokens=told["tokens"])
        if ask.can("sample"):
            told = ask("counted_work", prompts, ability="sample", **sampling)
            frame = frame.assign(**told[_WEIGHTS], sample_flops=told["flops"])
        if self.processes:
            told = ask("footprint", shown[: self.processes], prompts=self.prompted, **sampling)
            frame = frame.join(told.drop(columns="item"))
        return frame.set_axis(items.index, axis=0)

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.efficiency.resources`."""
        from detectors.efficiency.resources import resources

        return resources(observed["items"], level=level)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return a model that takes four times the memory of its weights, and one that takes little more than these.

        One process in ten takes ten times as much in both, so a mean would not tell them apart.
        """
        from audit.probes.efficiency.resources_trials import control

        return control(rng, 4.0), control(rng, 1.2)

    def found(self, result: Result) -> bool:
        """Tell whether a process surely takes more than twice the memory of the weights."""
        low = result.measure("memory_overhead").low
        return low is not None and low > 2

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return models of one, two and four times the size, whose weights, work, memory and energy are known."""
        from audit.probes.efficiency.resources_trials import trial

        return [trial(rng, size, processes=self.processes) for size in (1.0, 2.0, 4.0)]
