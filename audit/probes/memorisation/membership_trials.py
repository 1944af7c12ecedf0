"""Trials of membership: texts that read alike on both sides, and scripted answers of which every rate can be counted.

Members and non-members come in twins, the same words and letters in a row in two orders, of which chance says who is
the member: a classifier of texts cannot tell them apart. Log p of a text's tokens is its level and a pattern that is
the same for all, so that every score but two ranks texts as their levels do; levels lie on a normal grid, so no chance
is in them. For scores that a diffusion model tells items are images, twins that differ by one in one number; errors are
minus the levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from audit.probe import Answer, Known, KnownMeasures, Trial, auroc_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["planted", "trials"]

_TWINS = 100
_PATTERN = (0.0, 0.5, -2.0, 1.0, 0.0, -1.0)
"""What tokens add to the level of their text, nats."""
_BASE = -20.0
"""Level of a text in the middle, nats a token."""
_SIDE = 3
"""Rows and columns of an image."""
_LENGTH, _DRAWS = 12, 20
"""Signs of an answer; answers that are planted for each text."""
_WORDS = ("tin", "oak", "sea", "fog", "elm", "ash", "bay", "cod", "dew", "fen", "gum", "hay")


def planted(rng: np.random.Generator, apart: float, *, way: str = "trace") -> dict[str, pd.DataFrame]:
    """Return what is observed of members whose level lies `apart` standard deviations above that of non-members.

    way: `noise`, of images by the errors of a diffusion model; of texts `draws`, by answers, or `trace`, by tokens.
    """
    levels, twins = _levels(rng, apart), (_images if way == "noise" else _twins)(rng)
    return {
        role: frame.assign(**{name: list(cells) for name, cells in _said(levels[role], way).items()})
        for role, frame in twins.items()
    }


def trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return members like non-members, members hardly and clearly likelier, and two that differ without it."""
    alike = [_trial(probe, rng, dose, apart) for dose, apart in enumerate((0.01, 1.0, 2.5))]
    return [*alike, _told_blind(probe, rng), _told_by_date(probe, rng)]


def _trial(probe: Any, rng: np.random.Generator, dose: int, apart: float) -> Trial:
    import pandas as pd

    levels, name = _levels(rng, apart), "image" if _by_noise(probe) else "text"
    twins = _images(rng) if _by_noise(probe) else _twins(rng)
    wrong = {"items": "Sea on both sides", "nonmembers": "sea on  both sides"}
    both = {role: [_flat(n) if _by_noise(probe) else f"{wrong[role]} {n}" for n in range(dose)] for role in twins}
    data = {role: pd.concat([frame, _frame(f"{role}-both", both[role], name)]) for role, frame in twins.items()}
    told = {_key(one): level for role in twins for one, level in zip(twins[role][name], levels[role], strict=True)}
    ranks = {role: _ranked(probe, list(twins[role][name]), levels[role]) for role in levels}
    known: KnownMeasures = {
        ("membership_auroc", None): Known(auroc_of(ranks["nonmembers"], ranks["items"]).value),
        ("tpr_at_1_percent", None): Known(float((ranks["items"] > sorted(ranks["nonmembers"])[-2]).mean())),
        ("members_found", None): Known(_found(list(ranks["items"]), list(ranks["nonmembers"]), probe.fdr)),
        ("blind_auroc", None): Known(0.5, within=0.05),
        ("in_both", None): Known(float(dose), certain=True),
    }
    return Trial(dose > 0, data, _scripts(probe, told), known)


def _told_blind(probe: Any, rng: np.random.Generator) -> Trial:
    """Return members that are written in other letters than non-members are, or are brighter."""
    levels, name = _levels(rng, 0.01), "image" if _by_noise(probe) else "text"
    data = _images(rng) if _by_noise(probe) else _twins(rng)
    data["items"][name] = data["items"][name].map(_bright if _by_noise(probe) else lambda text: f"{text.upper()} NOW")
    told = {_key(one): level for role in data for one, level in zip(data[role][name], levels[role], strict=True)}
    return Trial(True, data, _scripts(probe, told), {("blind_auroc", None): Known(1.0)})


def _told_by_date(probe: Any, rng: np.random.Generator) -> Trial:
    """Return rows, or texts, that are alike on both sides, members of one year and non-members of the next."""
    import pandas as pd

    if "sample" in probe.needs:
        data = _twins(rng)
    else:
        rows = {role: rng.normal(size=(_TWINS, 2)).tolist() for role in ("items", "nonmembers")}
        data = {role: pd.DataFrame({"row": rows[role]}, _frame(role, rows[role]).index) for role in rows}
    for role, year in (("items", 2019), ("nonmembers", 2020)):
        data[role] = data[role].assign(date=[f"{year}-05", f"{year}-11-30"] * (_TWINS // 2))
    return Trial(True, data, _scripts(probe, {}), {("blind_auroc", None): Known(1.0)})


def _levels(rng: np.random.Generator, apart: float) -> dict[str, np.ndarray]:
    """Return the levels [text] of both sides: the points of a normal grid in random order."""
    import numpy as np

    points = np.array([NormalDist().inv_cdf((place + 0.5) / _TWINS) for place in range(_TWINS)])
    return {"items": _BASE + apart + rng.permutation(points), "nonmembers": _BASE + rng.permutation(points)}


def _twins(rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Return a text and its unit for every twin, of either side."""
    texts: dict[str, list[str]] = {"items": [], "nonmembers": []}
    for number in range(_TWINS):
        last, one, other = (_WORDS[place] for place in rng.choice(len(_WORDS), 3, replace=False))
        orders = [f"{last} {first} {last} {second} {last} {number}" for first, second in ((one, other), (other, one))]
        for role, place in zip(texts, rng.permutation(2), strict=True):
            texts[role].append(orders[place])
    return {role: _frame(role, told) for role, told in texts.items()}


def _images(rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Return an image and its unit for every twin, of either side: noise, one number of which differs by one."""
    images: dict[str, list[Any]] = {"items": [], "nonmembers": []}
    for _ in range(_TWINS):
        image = (2 * rng.integers(0, 100, (_SIDE, _SIDE))).astype(float)
        for role, more in zip(images, rng.permutation(2), strict=True):
            image[0, 0] += more
            images[role].append(image.tolist())
            image[0, 0] -= more
    return {role: _frame(role, told, "image") for role, told in images.items()}


def _flat(number: int) -> list[list[float]]:
    """Return an image that none of the twins is."""
    return [[0.5 + number] * _SIDE] * _SIDE


def _bright(image: list[list[float]]) -> list[list[float]]:
    return [[one + 300 for one in row] for row in image]


def _by_noise(probe: Any) -> bool:
    """Tell whether a diffusion model is asked, of images."""
    return "denoise" in probe.needs


def _key(item: Any) -> str:
    """Return what an item says."""
    return item if isinstance(item, str) else str([[float(one) for one in row] for row in item])


def _frame(name: str, items: Sequence[Any], field: str = "text") -> pd.DataFrame:
    """Return items with the unit of their place, which twins share."""
    import pandas as pd

    places = range(len(items))
    units = [f"{'twins' if '-' not in name else name}-{place}" for place in places]
    return pd.DataFrame({field: items, "unit": units}, pd.Index([f"{name}-{place}" for place in places], name="id"))


def _cells(levels: np.ndarray) -> dict[str, np.ndarray]:
    """Return what is said of texts of these levels, [text, token]; the reference model says the same of all."""
    import numpy as np

    trace = levels[:, None] + np.array(_PATTERN)
    ones = np.ones_like(trace)
    return {"trace": trace, "entropies": ones, "variances": ones, "reference_trace": _BASE * ones}


def _said(levels: np.ndarray, way: str) -> dict[str, Any]:
    """Return what is said of items of these levels: the errors of a diffusion model, [item], answers, or `_cells`."""
    if way == "draws":
        return {"greedy": ["a" * _LENGTH] * len(levels), "draws": [_drawn(level, _DRAWS) for level in levels]}
    return dict.fromkeys(("secmi", "pia", "sima"), -levels) if way == "noise" else _cells(levels)


def _edits(level: float, draws: int) -> int:
    """Return in how many signs all draws of a text of this level together differ from its likeliest answer."""
    return round(draws * _LENGTH * (_BASE + 8 - level) / 12)


def _drawn(level: float, draws: int) -> list[str]:
    """Return the answers that are drawn: the likeliest with its first signs exchanged, evenly over draws."""
    whole, more = divmod(_edits(level, draws), draws)
    counts = [whole + (place < more) for place in range(draws)]
    return ["b" * count + "a" * (_LENGTH - count) for count in counts]


def _ranked(probe: Any, texts: Sequence[str], levels: np.ndarray) -> np.ndarray:
    """Return what ranks as the score does, worked out anew from texts and their levels [text]."""
    import zlib

    import numpy as np

    score = probe.judged
    if score == "zlib":
        code = [len(zlib.compress(text.encode(), 9, -15)) - 2 for text in texts]
        return np.asarray((levels + np.mean(_PATTERN)) / np.array(code))
    if score == "peakedness":
        return np.array([-_edits(level, probe.draws) for level in levels])
    if score != "windowed_votes":
        return levels
    gains = levels[:, None] - _BASE + np.array(_PATTERN)
    return np.array([_votes(list(gain)) for gain in gains])


def _found(members: list[float], nonmembers: list[float], fdr: float) -> float:
    """Return the share of members that is found at a rate, worked out anew: the most whose p-values are low enough."""
    p = sorted((1 + sum(other >= one for other in nonmembers)) / (len(nonmembers) + 1) for one in members)
    return max((place for place, one in enumerate(p, 1) if one <= fdr * place / len(p)), default=0) / len(p)


def _votes(gain: list[float]) -> float:
    """Return the votes of all windows of 1, 2 and 4 tokens, counted one by one."""
    shares = []
    for width in (1, 2, 4):
        sums = [sum(gain[at : at + width]) for at in range(len(gain) - width + 1)]
        shares.append(sum(one > 0 for one in sums) / len(sums))
    return sum(shares) / len(shares)


def _scripts(probe: Any, told: Mapping[str, float]) -> dict[tuple[str, str], Answer]:
    """Return the scripts of the model and its reference; texts that nothing is told of have the level of the middle."""
    import numpy as np

    def trace(items: Sequence[Any]) -> Mapping[str, Any]:
        cells = _cells(np.array([told.get(item, _BASE) if isinstance(item, str) else _BASE for item in items]))
        return _answer(items, cells["trace"], cells)

    def errors(items: Sequence[Any]) -> Mapping[str, Any]:
        levels = np.array([told.get(_key(item), _BASE) if np.ndim(item) == 2 else _BASE for item in items])
        return _said(levels, "noise")

    def reference(items: Sequence[Any]) -> Mapping[str, Any]:
        cells = _cells(np.full(len(items), _BASE))
        return _answer(items, cells["reference_trace"], cells)

    def answers_to(prompts: Sequence[Any]) -> Mapping[str, Any]:
        each = len(prompts) // len(dict.fromkeys(prompts))
        drawn = [_drawn(told.get(one, _BASE), each) if each > 1 else ["a" * _LENGTH] for one in prompts[::each]]
        return {"content": [one for own in drawn for one in own], "finish": "stop", "problem": None}

    if _by_noise(probe):
        return {("main", "membership_errors"): errors}
    if "sample" in probe.needs:
        return {("main", "sample"): answers_to}
    answers: dict[tuple[str, str], Answer] = {("main", "trace"): trace}
    return answers | ({} if probe.reference is None else {(probe.reference, "trace"): reference})


def _answer(items: Sequence[Any], trace: np.ndarray, cells: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
    import numpy as np

    return {
        "item": np.repeat(np.arange(len(items)), len(_PATTERN)),
        "element": [f"{place}" for _ in items for place in range(len(_PATTERN))],
        "log_prob": trace.ravel(), "entropy": cells["entropies"].ravel(), "variance": cells["variances"].ravel(),
    }
