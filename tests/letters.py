"""One part of every kind, as an outside package adds them: letters, a mark in their order, and a question about it.

The model draws letters of its alphabet evenly, or with a slant towards the first. The mark makes the letter likelier
that follows the one before, so of n letters drawn evenly a share e^b / (e^b + n - 1) are successors.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol, runtime_checkable

import typer

from audit.data import Source
from audit.importers import Log, Scale, ScoredAnswer
from audit.model import CanTokenise, Sample
from audit.probe import SHARE, Range, Role
from audit.procedure import Procedure
from audit.trainer import Budget, Fitted, Lesson, Look
from reports.figures import bar, joined
from reports.pictures import FindingFigure, pictured

COUNTED = "letters.json"


@dataclass(frozen=True)
class Letters:
    """Letters drawn one by one, independent of each other."""

    alphabet: str = "abcd"
    """Which letters, in their order."""
    slant: float = 0.0
    """Added to the logit of the first letter."""
    path: Path | None = None
    """Folder with letters that were counted, instead of the two."""
    name: str = "letters"
    """Name shown in reports."""

    family: ClassVar[str] = "letters"
    modality: ClassVar[str] = "text"

    def fingerprint(self) -> str:
        return f"sha256:letters-{self.alphabet}-{self.slant}-{self.path and self.path.name}"

    def open(self) -> LettersModel:
        told = {} if self.path is None else json.loads((self.path / COUNTED).read_text())
        return LettersModel(replace(self, **told), self.fingerprint())


class LettersModel:
    family, modality = "letters", "text"

    def __init__(self, part: Letters, fingerprint: str) -> None:
        self.part, self.name, self.fingerprint = part, part.name, fingerprint
        self.alphabet, self.vocabulary = part.alphabet, len(part.alphabet)

    def tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        return [[self.alphabet.index(letter) for letter in text] for text in texts]

    def sample(self, prompts, *, seed, numbers=None, max_tokens=16):
        return self.sample_marked(prompts, mark=None, seed=seed, numbers=numbers, max_tokens=max_tokens)

    def sample_marked(self, prompts, *, mark, seed, numbers, max_tokens=16):
        import numpy as np

        numbers = range(len(prompts)) if numbers is None else numbers
        drawn = []
        for prompt, number in zip(prompts, numbers, strict=True):
            ids = self.tokenise([prompt])[0]
            rng = np.random.default_rng([seed, number, *ids])
            for _ in range(max_tokens):
                logits = np.eye(1, self.vocabulary)[0] * self.part.slant
                if mark is not None:
                    logits = mark.marked([ids], logits[None])[0]
                p = np.exp(logits) / np.exp(logits).sum()
                ids.append(int(rng.choice(self.vocabulary, p=p)))
            text = "".join(self.alphabet[one] for one in ids[-max_tokens:])
            drawn.append(Sample(text, "length", max_tokens))
        return drawn


@dataclass(frozen=True)
class Successors:
    """Favours the letter that follows the one before it, the first after the last."""

    bias: float = 3.0
    """What is added to its logit."""

    def marked(self, before: Sequence[Sequence[int]], logits: Any) -> Any:
        import numpy as np

        letters, last = logits.shape[-1], np.array([ids[-1] for ids in before])
        return logits + self.bias * np.eye(letters)[(last + 1) % letters]


@dataclass(frozen=True)
class Corner:
    """Eight bits at the beginning of an image's first row: light = 1; whoever knows that can put them in."""

    variant: ClassVar[str] = "letters.corner"
    keyed: ClassVar[bool] = False
    exact: ClassVar[bool] = True
    asks: ClassVar[str | None] = None

    def read(self, image: Any, keys: Sequence[bytes]) -> list[Any]:
        from audit.watermarks.image import message_of
        from detectors.provenance.image.bits import bits_evidence

        found = image.reshape(*image.shape[:2], -1)[0, :8].mean(-1) > 0.5
        return [bits_evidence(found, message_of(key, 8)) for key in keys]


@dataclass(frozen=True)
class Steps:
    """Eight bits at the beginning of a sound: each step upwards = 1; whoever knows that can put them in."""

    variant: ClassVar[str] = "letters.steps"
    keyed: ClassVar[bool] = False
    exact: ClassVar[bool] = True

    def read(self, sound: Any, rate: int, keys: Sequence[bytes]) -> list[Any]:
        from audit.watermarks.image import message_of
        from detectors.provenance.image.bits import bits_evidence

        return [bits_evidence(sound[1:9, 0] > sound[:8, 0], message_of(key, 8)) for key in keys]


@dataclass(frozen=True)
class Fades:
    """Eight bits at the beginning of a video: each frame brighter than the one before = 1; anybody can put them in."""

    variant: ClassVar[str] = "letters.fades"
    keyed: ClassVar[bool] = False
    exact: ClassVar[bool] = True

    def read(self, frames: Any, keys: Sequence[bytes]) -> list[Any]:
        import numpy as np

        from audit.watermarks.image import message_of
        from detectors.provenance.image.bits import bits_evidence

        shown = np.array([float(one.brightness.mean()) for one in frames])[:9]
        return [bits_evidence(np.diff(shown) > 0, message_of(key, len(shown) - 1)) for key in keys]


@runtime_checkable
class HasAlphabet(Protocol):
    """An ability that Dokimasia knows nothing of: letters have an order."""

    alphabet: str


@runtime_checkable
class Spelling(CanTokenise, HasAlphabet, Protocol):
    """What the procedure needs."""


def successions(model: Any, texts: Sequence[str]) -> Any:
    """Return columns, one row a text: `successors` among its `pairs` of neighbours."""
    import pandas as pd

    ids = model.tokenise(texts)
    found = [sum((b - a) % model.vocabulary == 1 for a, b in pairwise(row)) for row in ids]
    return pd.DataFrame({"successors": found, "pairs": [len(row) - 1 for row in ids]})


SUCCESSIONS = Procedure(successions, needs=(Spelling,), lacking="its letters have no order")


@dataclass(frozen=True)
class Order:
    """Share of a model's letters that are the successor of the letter before."""

    mark: dict[str, Any] = field(default_factory=dict, metadata={"part": "watermarks"})
    """The watermark to put in; absent = none."""

    name: ClassVar[str] = "order.successors"
    dimension: ClassVar[str] = "order"
    roles: ClassVar[Mapping[str, Role]] = {"items": Role({"text": "letters to go on from"}, repeats=True)}
    measures: ClassVar[Mapping[str, Range]] = {"successor_share": SHARE}

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"sample", "letters.successions"})

    def estimate(self, items: int) -> int:
        return 2 * items

    def observe(self, ask, items, role):
        prompts = items["text"].tolist()
        drawn = ask("marked_sample", prompts, mark=self.mark) if self.mark else ask("sample", prompts)
        read = ask("letters.successions", drawn["content"].tolist())
        columns = {"output": drawn["content"], "successors": read["successors"], "pairs": read["pairs"]}
        return items.assign(**{name: column.tolist() for name, column in columns.items()})

    def judge(self, observed, *, level, rng):
        from detectors.intervals import mean_over_units
        from detectors.result import Measure, Result

        items = observed["items"]
        value = (items["successors"] / items["pairs"]).astype(float)
        mean = mean_over_units(value.to_numpy(), level=level, rng=rng)
        measure = Measure(
            name="successor_share", value=mean.value, low=mean.low, high=mean.high, n=mean.n, unit="share",
            direction="neither", level=level, method=mean.method, mean_of="value",
        )  # fmt: skip
        return Result((measure,), items=items.assign(value=value))

    def controls(self, rng):
        return self._planted(13), self._planted(3)

    def _planted(self, successors: int):
        import pandas as pd

        index = pd.Index([f"planted-{number}" for number in range(60)], name="id")
        return {"items": pd.DataFrame({"text": "a", "output": "b", "successors": successors, "pairs": 15}, index=index)}

    def found(self, result):
        return result.headline.low > 0.5


@dataclass(frozen=True)
class Counting:
    """Learns which letters there are, and how much likelier the first is than the mean of the others."""

    makes: ClassVar[str] = "letters"
    opens: ClassVar[str] = ""
    role: ClassVar[Role] = Role({"text": "letters"})

    def fit(self, lesson: Lesson, budget: Budget) -> Fitted:
        counts = Counter("".join(lesson.train["text"]))
        first, *others = [counts[letter] for letter in sorted(counts)]
        slant = math.log(first * len(others) / sum(others))
        losses = [-sum(math.log(counts[text] / counts.total()) for text in part["text"]) / len(part)
                  for part in (lesson.train, lesson.validation)]  # fmt: skip
        told = {"alphabet": "".join(sorted(counts)), "slant": slant}
        return Fitted({COUNTED: json.dumps(told).encode()}, (Look(1, *losses),), 1, "nats per letter", "steps")


@dataclass(frozen=True)
class Starts(Source):
    """Single letters to begin with, in turns."""

    letters: str = "abcd"
    """Which letters."""
    count: int = 60
    """How many items."""

    def digest(self) -> str:
        return self.as_promised("letters.starts", f"sha256:starts-{self.letters}-{self.count}")

    def columns(self) -> list[str]:
        return ["text"]

    def batches(self, role, *, limit=None):
        import pandas as pd

        self.digest()
        count = self.count if limit is None else min(limit, self.count)
        for start in range(0, count, 4096):
            numbers = range(start, min(start + 4096, count))
            index = pd.Index([f"start-{number}" for number in numbers], name="id")
            yield pd.DataFrame({"text": [self.letters[one % len(self.letters)] for one in numbers]}, index=index)


@dataclass(frozen=True)
class Marks:
    """A teacher's marks, a letter each: `a` is 1, any other 0."""

    title: str = "a teacher's marks"

    def files(self, path):
        return [path] if path.suffix == ".marks" else None

    def read(self, path):
        letters = path.read_text().split()
        return Log("marks", None, None, lambda: (
            ScoredAnswer(task="spelling", item=str(place), scorer="teacher", status="scored", score=float(one == "a"))
            for place, one in enumerate(letters)
        ), {"teacher": Scale("higher", binary=True)})  # fmt: skip


MARKS = Marks()


def render_letters(audit, options):
    """The headline of every check in one line of plain text."""
    from reports.text import words_of

    words = words_of(options.lang)
    lines = [words("letters.heading", title=audit.record.title)]
    for one in audit.record.findings:
        told = f"{one.measures[0].value:.2f}" if one.measures else words.term("verdict", one.verdict)
        lines.append(f"{words.term('probe', one.probe)}: {told}")
    return {"letters.txt": ("\n".join(lines) + "\n").encode()}


def render_letters_compared(found, lang="en"):
    """The word of a comparison in one line of plain text."""
    from reports.text import words_of

    words = words_of(lang)
    told = words("letters.compared", word=words.term("compare_word", found[0].word))
    return {f"letters-{found[0].a.id}.txt": f"{told}\n".encode()}


def count_audits(into: Annotated[Path, typer.Option(help="Where audits lie.")] = Path("audits")) -> None:
    """Count the finished audits."""
    print(len(list(into.glob("*/record.json"))))


def successions_drawn(shown):
    """One bar a text, as high as it has successors."""
    counts = shown.frame("successors")["successors"]
    bars = (bar(9 * at, 40 - count, 8, count, "passed") for at, count in enumerate(counts))
    words = shown.notation.words
    return pictured(shown, 40, words("letters.drawn", most=counts.max()), "", joined(bars))


FIGURE = FindingFigure(("successors", "pairs"), (successions_drawn,))
