"""Models for tests on a cluster: every question to a model is a line in a file, whichever process asks."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from markov import MarkovModel, MarkovText

from audit.model import Sample
from audit.numbering import entropy, numbers_of


@dataclass(frozen=True)
class Logged(MarkovText):
    """A Markov chain that may end the process of a worker, or raise, at some item."""

    fatal: Path | None = None
    """While this file is not there, the process that is first asked for `at` makes it and is gone."""
    at: str = ""
    raises: bool = False
    """Raise at `at`, wherever it is asked."""

    def open(self) -> LoggedModel:
        return LoggedModel(self)


class LoggedModel(MarkovModel):
    def _count(self, item: str) -> None:
        super()._count(item)
        part = self.part
        if part.at and item.startswith(part.at):
            if part.raises:
                raise ValueError(f"no answer to {item}")
            if part.fatal is not None and not part.fatal.exists():
                part.fatal.touch()
                _wait_until_heard(part.fatal.parent)
                os._exit(1)


def _wait_until_heard(folder: Path) -> None:
    """Return when the audit has put in its place what its workers wrote; after a minute in any case."""
    end = time.monotonic() + 60
    while next(folder.rglob("observed/*/.*.tmp"), None) and time.monotonic() < end:
        time.sleep(0.05)


@dataclass(frozen=True)
class Pictures:
    """Draws images of 4 x 4 pixels, by seed and number alone, and says to which of two classes they belong."""

    log: Path

    family: ClassVar[str] = "pictures"
    modality: ClassVar[str] = "image"

    def fingerprint(self) -> str:
        return "sha256:pictures"

    def open(self) -> PicturesModel:
        return PicturesModel(self)


class PicturesModel:
    family, modality, name, fingerprint = "pictures", "image", "pictures", "sha256:pictures"
    classes = ("a", "b")

    def __init__(self, part: Pictures) -> None:
        self.part = part

    def sample(self, prompts: Sequence[str | None], *, seed: int, numbers: Sequence[int] | None = None) -> list[Sample]:
        numbers = numbers_of(prompts) if numbers is None else numbers
        with self.part.log.open("a") as file:
            file.writelines(f"draw {number}\n" for number in numbers)
        return [Sample(np.random.default_rng(entropy(seed, None, one)).random((4, 4)).round(6)) for one in numbers]

    def predict(self, items: Sequence[np.ndarray]) -> np.ndarray:
        with self.part.log.open("a") as file:
            file.writelines(f"look {np.asarray(item).sum():.6f}\n" for item in items)
        one = np.array([float(np.mean(item)) for item in items])
        return np.stack([one, 1 - one], 1)


def wait_for(path: Path, lines: int, seconds: float = 60) -> None:
    """Return once a file has so many lines."""
    end = time.monotonic() + seconds
    while (path.read_text().count("\n") if path.exists() else 0) < lines:
        assert time.monotonic() < end, f"{path.name} has not {lines} lines after {seconds} s"
        time.sleep(0.05)
