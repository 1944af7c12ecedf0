"""What the probes of robustness are tried on: answers that flip where a script reads a change that was planted.

A script tells an item by what no change touches, a number in its text or the centres of an image's blocks, and a change
by its traces: words in capitals, two blanks in a row, another word; more levels of grey than two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.probe import Known, KnownMeasures, Observed, Trial, likely_as, mean_of
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["image_control", "image_trials", "text_control", "text_trials"]

_ITEMS, _CONTROL = 48, 120
_ANSWERS = ("alpha", "beta", "gamma")
_DOSES = ((0, 0, 0), (14, 6, 6), (26, 12, 11))
"""Items of which the answer flips under the first, the second and the third change, without the fault and with two."""


@immutable
class _Planted:
    """Who flips under what."""

    flips: Mapping[str, np.ndarray]
    """Change -> whether the item flips [item]."""
    changed: Mapping[str, np.ndarray]
    """Change -> whether it changes the item [item]."""
    knows: np.ndarray
    """Whether the answer to the item as it is is right [item]."""
    again: np.ndarray
    """Whether asking the same once more gives another answer [item]."""

    @classmethod
    def of(cls, rng: np.random.Generator, dose: int, changes: Sequence[str]) -> _Planted:
        """Return a plan for three changes, of which the third leaves some items as they are."""
        import numpy as np

        knows, spared = np.arange(_ITEMS) < 36 - 3 * dose, np.arange(_ITEMS) % 4 < dose
        changed = dict.fromkeys(changes[:2], np.ones(_ITEMS, dtype=bool)) | {changes[2]: ~spared}
        flips = {}
        for change, count in zip(changes, _DOSES[dose], strict=True):
            flips[change] = np.isin(np.arange(_ITEMS), rng.permutation(np.flatnonzero(changed[change] & knows))[:count])
        return cls(flips, changed, knows, np.isin(np.arange(_ITEMS), rng.permutation(30)[: 4 + 2 * dose]))

    def known(self, kept: str | None, *, noise: bool = False) -> KnownMeasures:
        """Return what measures are; kept: the change that keeps the meaning; a flip makes what is right wrong."""
        import numpy as np

        told: KnownMeasures = {("accuracy", None): mean_of(self.knows, _ITEMS)}
        rates, lost = {}, {}
        for change, flips in self.flips.items():
            there = self.changed[change]
            rates[change], lost[change] = float(flips[there].mean()), float(flips[there].mean())
            told["flip_rate", change] = mean_of(flips[there], int(there.sum()))
            told["accuracy_perturbed", change] = mean_of((self.knows & ~flips)[there], int(there.sum()))
            told["accuracy_drop", change] = Known(lost[change])
            if noise:
                told["excess_flip_rate", change] = Known(float((flips * 1.0 - self.again)[there].mean()))
        if noise:
            told["noise_flip_rate", None] = mean_of(self.again, _ITEMS)
            told["worst_excess_flip_rate", None] = Known(
                max(told["excess_flip_rate", change].value for change in self.flips)
            )
        told["worst_flip_rate", None] = Known(max(rates.values()))
        told["worst_accuracy_drop", None] = Known(max(lost.values()))
        if kept is not None:
            told["worst_kept_flip_rate", None] = Known(rates[kept])
        size = np.sum([*self.changed.values()], axis=0)
        told["flip_rate", None] = mean_of(np.sum([*self.flips.values()], axis=0) / size)
        spared = [float(1 - one.mean()) for one in self.changed.values()]
        told["unchanged_share", None] = Known(float(np.mean(spared)), certain=True)
        return told


# --- texts

_CHANGES = ("case at 0.5", "blanks at 0.5", "synonyms at 0.5")


def text_trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return 48 items without flips, and with two sizes of each; some more cannot be asked."""
    return [_text_trial(probe, rng, dose) for dose in range(3)]


def _text_trial(probe: Any, rng: np.random.Generator, dose: int) -> Trial:
    import numpy as np

    tried = replace(
        probe, kinds=("case", "blanks", "synonyms"), strengths=(0.5,), system_prompts=(), synonyms={},
        paraphraser=None, asked_again=1, rule="contains",
        prompt="Read this: {question}\nAnswer:",
    )
    planted = _Planted.of(rng, dose, _CHANGES)
    written = probe.mode == "generate"
    known = planted.known(_CHANGES[1], noise=written)
    known["not_asked", None] = Known(float(dose), certain=True)
    true = rng.integers(0, 3, _ITEMS)
    first = np.where(planted.knows, true, (true + 1) % 3)
    if not written:
        for change, flips in planted.flips.items():
            known["confidence_drop", change] = Known(0.5 * float(flips[planted.changed[change]].mean()))
    script = _Script(planted, first)
    return Trial(
        dose > 0, {"items": _texts(rng, planted, true, dose, probe.mode)}, script.answers(probe.mode), known, tried
    )


def _texts(rng: np.random.Generator, planted: _Planted, true: np.ndarray, dose: int, mode: str) -> pd.DataFrame:
    import pandas as pd

    word = [("largest" if one else "green") for one in planted.changed[_CHANGES[2]]]
    texts = [f"tell me what the {word[n]} thing number {n:03} here may be called" for n in range(_ITEMS)]
    frame = pd.DataFrame({("text" if mode == "predict" else "question"): [*texts, *[None] * dose]}, dtype=object)
    names = [_ANSWERS[one] for one in true] + ["alpha"] * dose
    if mode == "choice":
        frame["choices"] = [[f"{name}{n:03}" for name in _ANSWERS] for n in range(len(frame))]
        frame["correct"] = [[_ANSWERS.index(name)] for name in names]
    elif mode == "predict":
        frame["label"] = names
    else:
        frame["aliases"] = [[name] for name in names]
    return frame.rename_axis("id").rename(index=str).iloc[rng.permutation(len(frame))]


@immutable
class _Script:
    """Reads a text, and answers."""

    planted: _Planted
    first: np.ndarray
    """Which answer the item as it is gets [item]."""

    def answers(self, mode: str) -> dict[tuple[str, str], Any]:
        """Return the scripts of a mode."""
        if mode == "choice":
            return {("main", "log_prob"): likely_as(lambda one: self._nats(one.prompt, one.text))}
        if mode == "predict":
            return {
                ("main", "predict"): lambda items: {"probabilities": [self._shares(*self._read(one)) for one in items]},
                ("main", "class_names"): lambda items: {"names": [list(_ANSWERS)] * len(items)},
            }
        return {("main", "sample"): self._words}

    def _shares(self, number: int, flips: bool) -> list[float]:
        top = (int(self.first[number]) + flips) % 3
        return [0.7 if at == top else 0.1 if at == (top + 1) % 3 else 0.2 for at in range(3)]

    def _nats(self, prompt: str, choice: str) -> float:
        import math

        number, flips = self._read(prompt)
        share = self._shares(number, flips)[_ANSWERS.index(choice.strip()[:-3])]
        return math.log(share) - len(prompt) if choice.strip()[-3:] == f"{number:03}" else -1e3

    def _words(self, prompts: Sequence[str]) -> dict[str, Any]:
        told, seen = [], set()
        for prompt in prompts:
            number, flips = self._read(prompt)
            again = prompt in seen and bool(self.planted.again[number])
            seen.add(prompt)
            told.append(_ANSWERS[(int(self.first[number]) + (flips or again)) % 3])
        return {"content": told, "finish": "stop", "problem": None}

    def _read(self, text: str) -> tuple[int, bool]:
        """Return the item's number, and whether its answer flips under the change that the text bears."""
        found = re.search(r"\d{3}", text)
        assert found is not None
        number = int(found[0])
        marks = (re.search(r"[A-Z]{2}", text), "  " in text, re.search("biggest", text))
        change = next((change for change, mark in zip(_CHANGES, marks, strict=True) if mark), None)
        return number, change is not None and bool(self.planted.flips[change][number])


def text_control(probe: Any, rng: np.random.Generator, *, faulty: bool) -> Observed:
    """Return observations of 120 items under three changes; see `TextRobustness.controls`."""
    kinds = ["as_it_is", "typos", "typos", "blanks"]
    strengths, changed = [0.0, 0.2, 0.5, 0.5], [True, True, True, False]
    shares = _control_shares(rng, [faulty and n % 3 == 0 for n in range(_CONTROL)])
    of_mode: dict[str, dict[str, Any]] = {
        "choice": {"log_probs": [[_logs(one) for one in row] + [None] for row in shares]},
        "predict": {"probabilities": [[*row, None] for row in shares], "names": [list(_ANSWERS)] * _CONTROL},
        "generate": {"texts": [[_ANSWERS[max(range(3), key=one.__getitem__)] for one in row] + [None]
                               for row in shares]},
    }  # fmt: skip
    text = [f"planted {n}" for n in range(_CONTROL)]
    return _observed({
        "question": text, "text": text, "choices": [list(_ANSWERS)] * _CONTROL, "correct": [[0]] * _CONTROL,
        "aliases": [["alpha"]] * _CONTROL, "label": ["alpha"] * _CONTROL, "group": [None] * _CONTROL,
        "not_asked": [None] * _CONTROL,
        "kinds": [kinds] * _CONTROL, "strengths": [strengths] * _CONTROL, "changed": [changed] * _CONTROL,
        "asked": [[one] * 4 for one in text], **of_mode[probe.mode],
    })  # fmt: skip


def _observed(columns: Mapping[str, Any]) -> Observed:
    import pandas as pd

    from detectors.arrays import objects

    index = pd.Index([f"planted-{n}" for n in range(_CONTROL)], name="id")
    frame = pd.DataFrame({name: objects(list(cells), index) for name, cells in columns.items()})
    return {"items": frame.assign(unit=None)}


def _logs(shares: Sequence[float]) -> list[float]:
    import math

    return [math.log(one) - 20 for one in shares]


def _control_shares(rng: np.random.Generator, flips: Sequence[bool]) -> list[list[list[float]]]:
    """Return shares [item][form][option] of three forms: they always move, and flip under the last where planted."""
    found = []
    for flip in flips:
        top = rng.uniform(0.5, 0.9, 3)
        rows = [[float(one), float(1 - one) / 3, 2 * float(1 - one) / 3] for one in top]
        found.append([*rows[:2], rows[2][::-1] if flip else rows[2]])
    return found


# --- images

_SEEN = ("noise at 0.1", "brightness at 0.1", "blur at 0.1")
_DARKEST, _STEP, _LIGHTER = 0.8125, 0.625, 0.8
"""Levels of images of one level, and by how much a change of brightness moves them."""
_LOST = 40.0
"""Nats that an image loses under a change that was planted."""


def image_trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return 48 images without flips or losses, and with two sizes of each."""
    return [_image_trial(probe, rng, dose) for dose in range(3)]


def _image_trial(probe: Any, rng: np.random.Generator, dose: int) -> Trial:
    import pandas as pd

    tried = replace(probe, kinds=("noise", "brightness", "blur"), strengths=(0.1,), value_range=(0.0, 16.0))
    planted = _Planted.of(rng, dose, _SEEN)
    true = rng.integers(0, 3, _ITEMS)
    looks = _Looks(planted, true, rng.integers(0, 2, (_ITEMS, 3, 3)))
    frame = pd.DataFrame({
        "image": [looks.image(n).tolist() for n in range(_ITEMS)], "label": [_ANSWERS[one] for one in true],
    }).rename_axis("id").rename(index=str).iloc[rng.permutation(_ITEMS)]  # fmt: skip
    known = planted.known(None) if probe.mode == "predict" else _nats_known(planted)
    if probe.mode == "predict":
        for change, flips in planted.flips.items():
            known["confidence_drop", change] = Known(0.5 * float(flips[planted.changed[change]].mean()))
    return Trial(dose > 0, {"items": frame}, looks.answers(probe.mode), known, tried)


def _nats_known(planted: _Planted) -> KnownMeasures:
    """Return what likelihoods lose: `_LOST` where planted, else 1 more or less in turn."""
    import numpy as np

    told: KnownMeasures = {}
    spared = [float(1 - one.mean()) for one in planted.changed.values()]
    for change, flips in planted.flips.items():
        lost = np.where(flips, _LOST, _swing())[planted.changed[change]]
        told["log_prob_drop", change] = Known(float(lost.mean()))
        told["fall_share", change] = mean_of(lost > 0, len(lost))
    told["largest_log_prob_drop", None] = Known(max(told["log_prob_drop", one].value for one in planted.flips))
    told["worst_fall_share", None] = Known(max(told["fall_share", one].value for one in planted.flips))
    told["unchanged_share", None] = Known(float(np.mean(spared)), certain=True)
    return told


def _swing() -> np.ndarray:
    import numpy as np

    return np.where(np.arange(_ITEMS) // 4 % 2, 1.0, -1.0)


@immutable
class _Looks:
    """Images of nine by nine blocks of three by three pixels, whose centres no change of the trial hides."""

    planted: _Planted
    true: np.ndarray
    drawn: np.ndarray
    """Further blocks, so that images look different [item, 3, 3]."""

    def image(self, number: int) -> np.ndarray:
        """Return the image of an item: levels 4 and 12, its number in two columns of blocks.

        One that blurring shall leave as it is has one level, by its place among such.
        """
        import numpy as np

        if not self.planted.changed[_SEEN[2]][number]:
            place = int((~self.planted.changed[_SEEN[2]])[:number].sum())
            return np.full((9, 9), _DARKEST + _STEP * place)
        bits = [number >> at & 1 for at in range(6)]
        blocks = np.array(self.drawn[number])
        blocks[:, :2] = np.reshape(bits, (3, 2))
        blocks[0, 2], blocks[1, 2] = 0, 1
        return np.kron(np.where(blocks, 12.0, 4.0), np.ones((3, 3)))

    def answers(self, mode: str) -> dict[tuple[str, str], Any]:
        """Return the scripts of a mode."""
        if mode == "log_prob":
            return {("main", "log_prob"): likely_as(self._nats)}
        return {
            ("main", "predict"): lambda items: {"probabilities": [self._shares(one) for one in items]},
            ("main", "class_names"): lambda items: {"names": [list(_ANSWERS)] * len(items)},
        }

    def _shares(self, image: Any) -> list[float]:
        number, change = self._read(image)
        first = int(self.true[number]) + (0 if self.planted.knows[number] else 1)
        top = (first + (change is not None and bool(self.planted.flips[change][number]))) % 3
        return [0.7 if at == top else 0.1 if at == (top + 1) % 3 else 0.2 for at in range(3)]

    def _nats(self, image: Any) -> float:
        number, change = self._read(image)
        if change is None:
            return -500.0 - number
        return -500.0 - number - float(_LOST if self.planted.flips[change][number] else _swing()[number])

    def _read(self, image: Any) -> tuple[int, str | None]:
        """Return the item's number, and the change that the image bears."""
        import numpy as np

        seen = np.asarray(image)
        centres = seen[1::3, 1::3]
        if np.ptp(centres) < 4:
            return self._read_flat(seen)
        whole = set(np.round(seen.ravel(), 6))
        if len(whole) == 2:
            blocks, change = centres > seen.mean(), None if whole == {4.0, 12.0} else _SEEN[1]
        else:
            blocks, change = centres > 8, _SEEN[2] if len(set(np.round(centres.ravel(), 6))) == 2 else _SEEN[0]
        return sum(int(one) << at for at, one in enumerate(blocks[:, :2].ravel())), change

    def _read_flat(self, seen: np.ndarray) -> tuple[int, str | None]:
        """Read an image of one level: between the steps it is brighter or darker, and uneven it is noisy."""
        import numpy as np

        flat, place = np.ptp(seen) == 0, (float(seen.mean()) - _DARKEST) / _STEP
        change = None if flat and abs(place - round(place)) < 0.01 else _SEEN[1] if flat else _SEEN[0]
        if change == _SEEN[1]:
            moved = [place - _LIGHTER / _STEP, place + _LIGHTER / _STEP]
            place = min(moved, key=lambda one: abs(one - round(one)))
        return int(np.flatnonzero(~self.planted.changed[_SEEN[2]])[round(place)]), change


def image_control(probe: Any, rng: np.random.Generator, *, faulty: bool) -> Observed:
    """Return observations of 120 images under three changes; see `ImageRobustness.controls`."""
    flips = [faulty and n % 3 == 0 for n in range(_CONTROL)]
    if probe.mode == "predict":
        told = {
            "probabilities": [[*row, None] for row in _control_shares(rng, flips)],
            "names": [list(_ANSWERS)] * _CONTROL,
        }
    else:
        moved = rng.normal(0, 0.3, (_CONTROL, 3)) - 300
        lost = [[a, b, c - (40 if faulty else 0), None] for a, b, c in moved.tolist()]
        told = {"log_probs": lost}
    return _observed({
        "image": [[[0, 1], [1, n]] for n in range(_CONTROL)], "label": ["alpha"] * _CONTROL,
        "kinds": [["as_it_is", "noise", "noise", "blur"]] * _CONTROL,
        "strengths": [[0.0, 0.25, 0.5, 0.5]] * _CONTROL, "changed": [[True, True, True, False]] * _CONTROL, **told,
    })  # fmt: skip
