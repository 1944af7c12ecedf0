"""What is known before of `bias.generated_images`: planted observations, and scripted models.

Classes go in pairs, the most frequent first. Planted images of two prompts leave the reference in opposite ways, one to
the first of each pair and one to the second, so that both together keep to it; in trials both go one way, the second
half as far, so that all together leave it too. The helper takes every fourth image of a pair's first class for its
second. So who takes the helper at its word, or all images together, has another number. Where a class of images that
show none is named, a part of a trial's images is of it; images that the model learnt from keep to the reference. Where
the trial's images do, too, one unit has many of those learnt from, of those labelled and of a folder's: who counts each
of them has other shares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from audit.probe import Known, Trial
from audit.probes.bias.representation_trials import told_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Answer, Observed

__all__ = ["ASKED", "Options", "controls", "folder_trials", "trials"]

ASKED = 160
"""Images that a trial asks for by prompt."""
_DOSES: Mapping[float, int] = {0.0: 4, 0.6: 7, 1.0: 10}
"""How far the images of a trial leave the reference -> how many of a prompt's are such as came before."""
_HALF = 0.5
"""How far those of a trial's second prompt do, as a part of that."""
_IMAGES, _LABELLED, _LEARNT = 400, 800, 120
_NOTHING = 0.2
"""Share of images that show none of the classes, of those that leave the reference whole."""


class Options(Protocol):
    """What of the probe's options a planted fault keeps to."""

    @property
    def classifier(self) -> str:
        """Helper that tells what an image shows."""

    @property
    def reference(self) -> Mapping[str, float] | None:
        """Class -> share for any prompt."""

    @property
    def references(self) -> Mapping[str, Mapping[str, float]]:
        """Job -> class -> share."""

    @property
    def nothing(self) -> str | None:
        """Class of images that show none of the others."""

    @property
    def missing_below(self) -> float:
        """Fraction of its reference below which a class is missing."""

    def wanted(self, job: Any, names: Sequence[str]) -> list[float]:
        """Return the shares that a job's images should have."""

    def prompt_of(self, item: Mapping[Any, Any]) -> str:
        """Return the prompt of an item."""


def controls(probe: Options) -> tuple[Observed, Observed]:
    """Return (planted fault, clean twin)."""
    return _planted(probe, 0.7), _planted(probe, 0.0)


def trials(probe: Options, rng: np.random.Generator) -> Sequence[Trial]:
    """Return images that keep to the reference, such that leave it, less and more, and these without labelled ones.

    They are for a probe that asks for `ASKED` images a prompt.
    """
    bare = [_trial(probe, rng, moved, labelled=False) for moved in _DOSES if moved]
    return [*(_trial(probe, rng, moved) for moved in _DOSES), *bare]


def folder_trials(probe: Options, rng: np.random.Generator) -> Iterator[Trial]:
    """Yield the same with the images as data, by the prompt that they would have been drawn for."""
    import numpy as np
    import pandas as pd

    for one in trials(probe, rng):
        prompts = one.data["items"]["prompt"]
        draw = one.answers["main", "sample"]
        at = None if one.faulty else ASKED // 2
        drawn = [np.stack(draw([prompt] * ASKED)["content"]) for prompt in prompts]
        items = pd.concat([_images_of(some, prompt, unit_at=at) for some, prompt in zip(drawn, prompts, strict=True)])
        items = items.set_axis(pd.Index([f"image {number}" for number in range(len(items))], name="id"))
        labelled = {"labelled": one.data["labelled"]} if "labelled" in one.data else {}
        helper = {asked: how for asked, how in one.answers.items() if asked[0] != "main"}
        yield replace(one, data={"items": items, **labelled}, answers=helper)


def _classes(probe: Options) -> tuple[list[str], np.ndarray]:
    """Return the classes, those with the largest reference first, and their shares in it."""
    import numpy as np

    stated = [one for one in (probe.reference, *probe.references.values()) if one is not None]
    names = list(dict.fromkeys(name for one in stated for name in one)) or ["0", "1", "2"]
    names += [probe.nothing] if probe.nothing is not None and probe.nothing not in names else []
    wanted = dict(zip(names, probe.wanted(None, names), strict=True))
    names.sort(key=lambda name: -wanted[name])
    return names, np.array([wanted[name] for name in names])


def _shares(wanted: np.ndarray, moved: float, second: float = -1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return (shares of both prompts [prompt, class], errors of the helper [true class, given class])."""
    import numpy as np

    first = np.arange(0, len(wanted) - 1, 2)
    change, errors = np.zeros(len(wanted)), np.eye(len(wanted))
    change[first + 1] = moved * np.minimum(wanted[first], wanted[first + 1])
    change[first] = -change[first + 1]
    errors[first, first], errors[first, first + 1] = 0.75, 0.25
    return np.stack([wanted + change, wanted + second * change]), errors


def _spread(shares: np.ndarray, size: int) -> np.ndarray:
    """Return class numbers [size] that have the shares, as near as whole numbers can."""
    import numpy as np

    ends = np.rint(np.cumsum(shares) * size).astype(int)
    return np.repeat(np.arange(len(shares)), np.diff(ends, prepend=0))


def _planted(probe: Options, moved: float) -> Observed:
    """Return observations whose counts are what is expected of such shares and errors."""
    import numpy as np
    import pandas as pd

    names, wanted = _classes(probe)
    shares, errors = _shares(wanted, moved)
    certain = np.eye(len(names)).tolist()
    rows = [
        {
            "prompt": str(number), "names": names, "draws": [[[0.0]]] * _IMAGES, "problems": [None] * _IMAGES,
            "digests": [f"{number}.{k}" for k in range(_IMAGES)],
            "probabilities": [certain[k] for k in _spread(one @ errors, _IMAGES)],
        }
        for number, one in enumerate(shares)
    ]  # fmt: skip
    each = _LABELLED // len(names)
    said = [certain[k] for row in errors for k in _spread(row, each)]
    known = pd.DataFrame({"label": np.repeat(names, each), "probabilities": said})
    return {"items": pd.DataFrame(rows).rename_axis("id"), "labelled": known.rename_axis("id")}


def _trial(probe: Options, rng: np.random.Generator, moved: float, *, labelled: bool = True) -> Trial:
    import numpy as np
    import pandas as pd

    names, wanted = _classes(probe)
    shares, errors = _shares(wanted, moved, _HALF)
    if probe.nothing is not None:
        shares = (1 - _NOTHING * moved) * shares + _NOTHING * moved * np.eye(len(names))[names.index(probe.nothing)]
    items = pd.DataFrame({
        "prompt": ["of one", "of two"], "job": ["one", "two"], "group": ["first", "second"],
    }, index=pd.Index(["x", "y"], name="id"))  # fmt: skip
    prompts = [probe.prompt_of(item) for item in items.to_dict("records")]
    seen, sure, again = shares @ errors, 0.95 - 0.1 * moved, _DOSES[moved]
    drawn = [_images(rng.permutation(_spread(one, ASKED - again)), sure) for one in seen]
    at = None if moved else 0
    data = {"items": items, "learnt": _learnt(rng, wanted @ errors, prompts, at)}
    if labelled:
        data["labelled"] = _labelled(errors, names, at)
    answers: dict[tuple[str, str], Answer] = {
        ("main", "sample"): _Script({one: [*some, *some[:again]] for one, some in zip(prompts, drawn, strict=True)}),
        (probe.classifier, "predict"): lambda asked: {"probabilities": list(told_of(asked, len(names)))},
        (probe.classifier, "class_names"): lambda asked: {"names": [names] * len(asked)},
    }
    told, ending = (shares, "") if labelled else (seen, "_given")
    return Trial(
        moved > 0, data, answers,
        dict(_known(probe, prompts, names, told, ASKED - again, labelled=labelled))
        | dict(_known_of_parts(probe, prompts, names, told, wanted if labelled else wanted @ errors, ending))
        | {("confidence", "draws"): Known(sure), ("repeated_images", None): Known(2 * again, certain=True)},
    )  # fmt: skip


def _labelled(errors: np.ndarray, names: Sequence[str], unit_at: int | None) -> pd.DataFrame:
    """Return images of each class, which the helper takes for others as often as it errs, [true class, given class]."""
    import numpy as np

    each = _LABELLED // len(names)
    real = _images(np.concatenate([_spread(row, each) for row in errors]), 0.9)
    return _images_of(real, np.repeat(names, each), unit_at=unit_at)


def _learnt(
    rng: np.random.Generator, given: np.ndarray, prompts: Sequence[str], unit_at: int | None
) -> pd.DataFrame:
    """Return images that the model learnt from, the same for each prompt, of which the helper gives these shares."""
    import pandas as pd

    before = _images(rng.permutation(_spread(given, _LEARNT)), 0.9)
    learnt = pd.concat([_images_of(before, prompt, unit_at=unit_at) for prompt in prompts])
    return learnt.set_axis(pd.Index([f"learnt-{k}" for k in range(len(learnt))], name="id"))


def _known(
    probe: Options, prompts: Sequence[str], names: Sequence[str], shares: np.ndarray, images: int, *, labelled: bool
) -> Iterator[tuple[tuple[str, str | None], Known]]:
    """Yield what the measures are: of the true shares, or of those that the helper gives, which are counted."""
    import numpy as np

    wanted, even = np.array(probe.wanted(None, names)), np.full(len(names), 1 / len(names))
    ending, near, far = ("", 0.02, 0.04) if labelled else ("_given", 0.01, 0.01)
    whole, apart = shares.mean(axis=0), float(_distance(shares[0], shares[1]))
    yield (f"largest_total_variation{ending}", None), Known(float(_distance(shares, wanted).max()), far)
    yield (f"openbias{ending}", None), Known(_concentration(whole), near)
    yield (f"dall_eval_mad{ending}", None), Known(2 / len(names) * float(_distance(whole, even)), near)
    yield (f"total_variation{ending}", None), Known(float(_distance(whole, wanted)), far)
    for name, share in zip(names, whole, strict=True):
        yield (f"share{ending}", name), _share(share, near, len(prompts) * images)
    for prompt, one in zip(prompts, shares, strict=True):
        yield (f"total_variation{ending}", prompt), Known(float(_distance(one, wanted)), far)
        yield (f"prompt_gap{ending}", prompt), Known(apart, far)
        if np.abs(one - (least := probe.missing_below * wanted))[wanted > 0].min() > near:
            yield (f"missing_classes{ending}", prompt), Known(float((one < least).sum()), certain=True)
        for name, share in zip(names, one, strict=True):
            yield (f"share{ending}", f"{prompt}: {name}"), _share(share, near, images)


def _known_of_parts(
    probe: Options, prompts: Sequence[str], names: Sequence[str], shares: np.ndarray, learnt: np.ndarray, ending: str
) -> Iterator[tuple[tuple[str, str | None], Known]]:
    """Yield by how much shares exceed those learnt from, how often somebody is shown, and the shares where one is."""
    within = 0.01 if ending else 0.02
    yield (f"largest_amplification{ending}", None), Known(float((shares - learnt).max()), within)
    for prompt, one in zip(prompts, shares, strict=True):
        for name, more in zip(names, one - learnt, strict=True):
            yield (f"amplification{ending}", f"{prompt}: {name}"), Known(float(more), within)
    if probe.nothing is None:
        return
    place = names.index(probe.nothing)
    slices: list[tuple[str | None, np.ndarray]] = [*zip(prompts, shares, strict=True), (None, shares.mean(axis=0))]
    for part, one in slices:
        yield (f"shown{ending}", part), Known(float(1 - one[place]), within)
        for k, name in enumerate(names):
            if k != place:
                label = name if part is None else f"{part}: {name}"
                yield (f"share_shown{ending}", label), Known(float(one[k] / (1 - one[place])), within)


def _share(share: float, within: float, images: int) -> Known:
    """Return what a share is; even true labels of so many images leave it this uncertain."""
    return Known(float(share), within, error=float(share * (1 - share) / images) ** 0.5)


def _distance(shares: np.ndarray, others: np.ndarray) -> Any:
    """Return the total variation of shares [..., class]."""
    import numpy as np

    return np.abs(shares - others).sum(axis=-1) / 2


def _concentration(shares: np.ndarray) -> float:
    """Return 1 - H / log K."""
    import numpy as np
    from scipy.special import entr

    return 1 - float(entr(shares).sum() / np.log(len(shares)))


class _Script:
    """Deals the images of each prompt in their order, however many are asked for at once."""

    def __init__(self, images: Mapping[str, Sequence[Any]]) -> None:
        self._left = {prompt: iter(some) for prompt, some in images.items()}

    def __call__(self, prompts: Sequence[str]) -> dict[str, Any]:
        return {"content": [next(self._left[prompt]) for prompt in prompts], "problem": None}


def _images(kinds: np.ndarray, sure: float) -> np.ndarray:
    """Return images [image, 3, 1, 1] of one pixel: a number of its own, the class that is seen in it, how surely."""
    import numpy as np

    columns = (np.arange(len(kinds)) / len(kinds), kinds, np.full(len(kinds), sure))
    return np.stack(columns, 1)[:, :, None, None]


def _images_of(images: np.ndarray, label: Any, *, unit_at: int | None) -> pd.DataFrame:
    """Return images with their label [item]; with a place also a quarter as many more that show what the one there
    shows, all of them of its unit.
    """
    import numpy as np
    import pandas as pd

    cells = {"image": [*images], "label": np.broadcast_to(label, len(images)).tolist()}
    if unit_at is not None:
        more = np.repeat(images[[unit_at]], len(images) // 4, axis=0)
        more[:, 0] = 1.0 + np.arange(len(more))[:, None, None]
        units = ["one" if place == unit_at else None for place in range(len(images))]
        others = {"image": [*more], "label": [cells["label"][unit_at]] * len(more)}
        cells = {name: cells[name] + others[name] for name in cells} | {"unit": units + ["one"] * len(more)}
    return pd.DataFrame(cells, pd.Index([f"real-{place}" for place in range(len(cells["image"]))], name="id"))
