"""A model whose likelihood is known in closed form, a probe and a report: what an outside package would add.

The Markov chain over the letters a, b, c stays where it is with probability `stay` and moves to either other letter
with (1 - stay) / 2; the first letter is uniform.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

from audit.model import Continuation, Sample
from audit.probe import Role

LETTERS = "abc"


@dataclass(frozen=True)
class MarkovText:
    """A Markov chain over three letters, exact to the last digit."""

    stay: float = 0.8
    """Probability of repeating the letter."""
    slow: float = 0.0
    """Seconds that an item takes."""
    log: Path | None = None
    """File that gets a line for every item asked."""
    name: str = "markov"
    """Name shown in reports."""

    family: ClassVar[str] = "markov"
    modality: ClassVar[str] = "text"

    def fingerprint(self) -> str:
        return f"sha256:markov-{self.stay}"

    def open(self) -> MarkovModel:
        return MarkovModel(self)


class MarkovModel:
    family, modality = "markov", "text"

    def __init__(self, part: MarkovText) -> None:
        self.part, self.name, self.fingerprint = part, part.name, part.fingerprint()
        self.asked = 0

    def _count(self, item: str) -> None:
        self.asked += 1
        if self.part.slow:
            time.sleep(self.part.slow)
        if self.part.log is not None:
            with self.part.log.open("a") as file:
                file.write(f"{item}\n")

    def log_prob(self, items: Sequence[str | Continuation]) -> tuple[list[float], str]:
        return [self._one(item) for item in items], "exact"

    def _one(self, item: str | Continuation) -> float:
        self._count(str(item))
        text, start = (item.prompt + item.text, len(item.prompt)) if isinstance(item, Continuation) else (item, 0)
        move = math.log((1 - self.part.stay) / 2)
        nats = [math.log(self.part.stay) if a == b else move for a, b in pairwise(text)]
        return sum([math.log(1 / 3), *nats][start:])

    def sample(self, prompts: Sequence[str | None], *, seed: int, max_tokens: int = 8) -> list[Sample]:
        import numpy as np

        rng = np.random.default_rng(seed)
        drawn = []
        for prompt in prompts:
            self._count(str(prompt))
            text = prompt or LETTERS[rng.integers(3)]
            for _ in range(max_tokens):
                others = LETTERS.replace(text[-1], "")
                text += text[-1] if rng.random() < self.part.stay else others[rng.integers(2)]
            drawn.append(Sample(text[len(prompt or "") :], "length", max_tokens))
        return drawn


@dataclass(frozen=True)
class Repeats:
    """Share of texts that the model finds likelier than the same text with its first two letters made equal."""

    crash: bool = False
    """Raise in the middle, for tests of what a crash leaves behind."""

    name: ClassVar[str] = "outside.repeats"
    dimension: ClassVar[str] = "bias"
    roles: ClassVar[dict[str, Role]] = {
        "items": Role({"text": "letters a, b, c", "group": "slice"}, optional=frozenset({"group"}))
    }
    measures: ClassVar[tuple[str, ...]] = ("repeat_share",)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"log_prob"})

    def estimate(self, items: int) -> int:
        return 2 * items

    def observe(self, ask, items, role):
        texts = items["text"].tolist()
        if self.crash:
            raise RuntimeError("planted crash")
        answer = ask("log_prob", [*texts, *(text[0] + text[0] + text[2:] for text in texts)])
        nats = answer["log_prob"].to_numpy()
        return items.assign(nats=nats[: len(texts)], repeated=nats[len(texts) :])

    def judge(self, observed, *, level, rng):
        from detectors.intervals import mean_over_units
        from detectors.result import Measure, Result

        frame = observed["items"]
        value = (frame["repeated"] > frame["nats"]).astype(float)
        mean = mean_over_units(value.to_numpy(), level=level, rng=rng, binary=True)
        measure = Measure(
            name="repeat_share",
            value=mean.value,
            low=mean.low,
            high=mean.high,
            n=mean.n,
            unit="share",
            direction="neither",
            level=level,
            method=mean.method,
            mean_of="value",
        )
        return Result((measure,), items=frame.assign(value=value))

    def controls(self, rng):
        import pandas as pd

        index = pd.Index([str(i) for i in range(60)], name="id")
        low, high = pd.Series(-2.0, index), pd.Series(-1.0, index)
        return (
            {"items": pd.DataFrame({"nats": low, "repeated": high})},
            {"items": pd.DataFrame({"nats": high, "repeated": low})},
        )

    def found(self, result):
        return result.headline.low > 0.5


def titles(audit, options=None):
    """One line of plain text: the verdict and the title."""
    return {"titles.txt": f"{audit.record.verdict}: {audit.record.title}\n".encode()}
