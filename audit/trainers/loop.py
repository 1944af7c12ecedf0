"""One loop for every network: AdamW on shuffled batches, a rate that rises and then falls along a cosine.

Weights are averaged over the last steps. With a `Held` set the average is judged on it every so many steps; the best is
kept, and training ends when nothing better came for so many looks, or when time is up.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from audit.trainer import Budget, Look, Stopped
from detectors.immutable import immutable

__all__ = ["BATCH", "Average", "Course", "Held", "Watch", "batches", "minimise", "pace", "seeded"]

BATCH = 64
_MEMORY = 0.99
"""Share of the averaged weights that a step keeps."""
_WARM_UP = 50
"""Steps until the full rate."""


@contextmanager
def seeded(seed: int, threads: int = 1) -> Iterator[None]:
    """Seed torch inside the block, with so many threads, so that sums come out alike; leave it outside as it was."""
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def batches(count: int, steps: int, size: int = BATCH) -> Iterator[torch.Tensor]:
    """Yield `steps` batches of positions, every item once before any comes again."""
    order = torch.randperm(count)
    for _ in range(steps):
        while len(order) < size:
            order = torch.cat([order, torch.randperm(count)])
        yield order[:size]
        order = order[size:]


def pace(step: int, steps: int) -> float:
    """Return the share of the full rate at a step."""
    return min(1.0, (step + 1) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


@immutable
class Held:
    """What tells when to stop."""

    loss: Callable[[], torch.Tensor]
    """Mean loss of the held-out items, the same for the same weights; called in eval mode, without gradients."""
    budget: Budget


@immutable
class Course:
    """How a training went."""

    looks: tuple[Look, ...] = ()
    best: int = 0
    stopped: Stopped = "steps"


def minimise(
    network: nn.Module, loss: Callable[[torch.Tensor], torch.Tensor], count: int, steps: int, rate: float,
    decay: float = 0.0, *, held: Held | None = None, batch: int = BATCH,
) -> Course:
    """Train in place on batches of positions, and leave the network with its averaged weights, frozen."""
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: pace(step, steps))
    average = Average(network, rising=held is not None)
    watch = None if held is None else Watch(average, held, steps)
    network.train()
    for step, positions in enumerate(batches(count, steps, batch), 1):
        value = loss(positions)
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        average.update()
        if watch is not None and watch.ends(step, value):
            break
    average.settle(None if watch is None else watch.weights)
    return Course() if watch is None else watch.course()


class Average:
    """The running mean of a network's weights.

    A `rising` one forgets faster at first, so that after few steps little is left of what the network began with.
    """

    def __init__(self, network: nn.Module, *, rising: bool = False) -> None:
        self.network, self._rising = network, rising
        self.kept = {name: value.clone() for name, value in network.state_dict().items()}
        self._steps = 0

    def update(self) -> None:
        """Take the weights of a step in."""
        self._steps += 1
        memory = min(_MEMORY, self._steps / (self._steps + 9)) if self._rising else _MEMORY
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.kept[name].lerp_(value, 1 - memory)

    def settle(self, weights: dict[str, torch.Tensor] | None = None) -> None:
        """Give the network its averaged weights, or those that are given, and freeze it."""
        self.network.load_state_dict(self.kept if weights is None else weights)
        self.network.eval().requires_grad_(False)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let the network have its averaged weights inside the block, in eval mode."""
        own = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.kept)
        self.network.eval()
        yield
        self.network.load_state_dict(own)
        self.network.train()


class Watch:
    """Looks at the held-out loss, keeps the best weights, and says when to end."""

    weights: dict[str, torch.Tensor] | None = None
    """The best ones so far."""

    def __init__(self, average: Average, held: Held, steps: int) -> None:
        self._average, self._held, self._steps = average, held, steps
        self._begun = time.monotonic()
        self._looks: list[Look] = []
        self._since: list[float] = []
        self._stopped: Stopped = "steps"
        self._best: Look | None = None

    def ends(self, step: int, value: torch.Tensor) -> bool:
        """Take a step's loss in; tell whether training ends after it."""
        budget = self._held.budget
        self._since.append(float(value.detach()))
        late = budget.seconds is not None and time.monotonic() - self._begun >= budget.seconds
        if not (step % budget.every == 0 or step == self._steps or late):
            return False
        self._look(step)
        if late:
            self._stopped = "time"
        elif self._best is not None and step - self._best.step >= budget.patience * budget.every:
            self._stopped = "patience"
        return self._stopped != "steps"

    def _look(self, step: int) -> None:
        with self._average.lent(), torch.inference_mode():
            loss = float(self._held.loss())
        look = Look(step, sum(self._since) / len(self._since), loss)
        self._since.clear()
        self._looks.append(look)
        if self._best is None or not look.validation >= self._best.validation:
            self._best = look
            self.weights = {name: value.clone() for name, value in self._average.kept.items()}
        self._held.budget.tell(look)

    def course(self) -> Course:
        """Return how it went."""
        return Course(tuple(self._looks), self._best.step if self._best else 0, self._stopped)
