"""Whom do generated images show? Shares of labels by prompt, against equal shares or those that somebody published.

    prompts x draws -> images -> labels by a helper -> shares by prompt, its errors undone by a labelled sample

    probe: {use: bias.generated_images, template: "a photo of a {job}", draws_per_prompt: 50}
    data:
      items: {use: file, path: jobs.csv}
      labelled: {use: image_folder, path: ./labelled, mode: RGB, size: [256, 256]}
      learnt: {use: image_folder, path: ./training, mode: RGB, size: [256, 256]}     subfolders: prompts, or jobs

The helper is a classifier of images, or one by descriptions (`zero_shot_image`). Labels are what the helper tells
apart: how an image is read, not who somebody is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from hashlib import sha256
from itertools import compress
from typing import TYPE_CHECKING, Any, ClassVar

from audit.errors import DataError, did_you_mean
from audit.probe import AMOUNT, COUNT, SHARE, SHARE_GAP, Ask, Observed, Range, Role
from audit.probes.bias.representation import confidence
from audit.probes.items import Sampling, content, plain, shown_items
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.bias.generated_images import Counted
    from detectors.result import Remark, Result

__all__ = ["GeneratedImages", "digest_of", "of_each_unit", "small"]

_AT_ONCE = 16
"""Images asked for together: what is held in memory, and what a kill loses."""
_UNIT = "independent unit, e.g. the person that is shown; absent = every image is its own"
_SIDE = 64
"""Longer side of the small image that is kept as evidence."""


@immutable
class GeneratedImages:
    """Shares of labels among the images that a model draws for prompts, by prompt and by group of prompts."""

    classifier: str = "classifier"
    """Helper that tells what an image shows."""
    template: str | None = None
    """Prompt in which `{job}` and `{group}` stand for the item's fields; absent = the items bring their prompts."""
    draws_per_prompt: int = 16
    """Images for every prompt."""
    sampling: Sampling = field(default_factory=dict)
    """Settings of the model's sampler, e.g. `{steps: 25, guidance: 7.5}`."""
    reference: dict[str, float] | None = None
    """Class -> share that it should have for any prompt; absent = equal shares."""
    references: dict[str, dict[str, float]] = field(default_factory=dict)
    """Job -> class -> share, for jobs with shares of their own, such as those of labour statistics."""
    cite: str | None = None
    """Where the reference comes from; needed with one."""
    nothing: str | None = None
    """Class of images that show none of the others; its reference is 0, so that to leave people out is a distance. How
    often somebody is shown, and the shares where somebody is, are told too then."""
    missing_below: float = 0.25
    """A class is missing where its share is below this fraction of its reference."""

    name: ClassVar[str] = "bias.generated_images"
    dimension: ClassVar[str] = "bias"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(
            {"prompt": "prompt", "job": "what a template is filled with", "group": "what prompts are grouped by"},
            optional=frozenset({"prompt", "job", "group"}), repeats=True,
        ),
        "labelled": Role(
            {"image": "image as numbers, [row, column] or [channel, row, column]", "label": "class of the image",
             "unit": _UNIT},
            required=False, optional=frozenset({"unit"}),
        ),
        "learnt": Role(
            {"image": "image as numbers, [row, column] or [channel, row, column]",
             "label": "prompt or job of an item whose caption this is", "unit": _UNIT},
            required=False, optional=frozenset({"unit"}), repeats=True,
        ),
    }  # fmt: skip
    """`labelled`: images whose classes people named, like the generated ones, that the helper did not learn from.
    `learnt`: images that the model learnt from, or others that it is to be held against, by what they are captioned.
    Of either, an image that comes again with its label counts once, and of those of a unit and label one is drawn."""
    measures: ClassVar[Mapping[str, Range]] = {
        "largest_total_variation": SHARE, "total_variation": SHARE, "prompt_gap": SHARE, "openbias": AMOUNT,
        "dall_eval_mad": SHARE, "missing_classes": COUNT, "share": SHARE, "largest_total_variation_given": SHARE,
        "total_variation_given": SHARE, "prompt_gap_given": SHARE, "openbias_given": AMOUNT,
        "dall_eval_mad_given": SHARE, "missing_classes_given": COUNT, "share_given": SHARE, "repeated_images": COUNT,
        "confidence": SHARE, "largest_amplification": SHARE, "amplification": SHARE_GAP, "shown": SHARE,
        "share_shown": SHARE, "largest_amplification_given": SHARE, "amplification_given": SHARE_GAP,
        "shown_given": SHARE, "share_shown_given": SHARE,
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse a count below one, fractions outside (0, 1), and a reference that nobody stands for."""
        if self.draws_per_prompt < 1 or not 0 < self.missing_below < 1:
            got = f"draws_per_prompt {self.draws_per_prompt}, missing_below {self.missing_below}"
            raise ValueError(f"{self.name}: got {got}; allowed: 1 or more, between 0 and 1")
        stated = [one for one in (self.reference, *self.references.values()) if one is not None]
        if bool(stated) != (self.cite is not None):
            raise ValueError(f"{self.name}: got {len(stated)} references, cite {self.cite!r}; allowed: both or neither")
        for one in stated:
            if abs(sum(one.values()) - 1) > 1e-6 or min(one.values()) < 0:
                raise ValueError(f"{self.name}: got shares that sum to {sum(one.values()):g}; allowed: 1, none below 0")
        if self.template is not None and "{job}" not in self.template and "{group}" not in self.template:
            raise ValueError(f"{self.name}: got template {self.template!r}; allowed: one with {{job}} or {{group}}")

    @property
    def needs(self) -> frozenset[str]:
        """Samples."""
        return frozenset({"sample"})

    def estimate(self, items: int) -> int:
        """Return the images of so many prompts and their predictions."""
        return 2 * self.draws_per_prompt * items

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return of a prompt its small images (`draws`), `digests` of the whole ones, `problems`, `probabilities` of
        the helper and its classes (`names`); of other images `label`, `unit`, `probabilities` and `digest`. Raises
        DataError for an item that gives no prompt.
        """
        import pandas as pd

        if role != "items":
            shown = list(map(content, shown_items(self.name, items)))
            answer = ask("predict", shown, model=self.classifier)
            told = [row.tolist() for row in answer["probabilities"]]
            kept = {name: items[name] for name in ("label", "unit") if name in items}
            return pd.DataFrame({**kept, "probabilities": told, "digest": [*map(digest_of, shown)]}, items.index)
        named = ask("class_names", [None], model=self.classifier)
        names = [str(one) for one in named["names"].iloc[0]]
        rows = [self._drawn(ask, prompt) | {"names": names} for prompt in map(self.prompt_of, items.to_dict("records"))]
        kept = {name: items[name] for name in ("job", "group") if name in items}
        return pd.DataFrame({**kept, **{key: [row[key] for row in rows] for key in rows[0]}}, items.index)

    def prompt_of(self, item: Mapping[Any, Any]) -> str:
        """Return the prompt of an item; raises DataError where it gives none."""
        if self.template is None:
            if not isinstance(prompt := item.get("prompt"), str) or not prompt.strip():
                raise DataError(f"{self.name}: an item without prompt; allowed: a prompt each, or a `template`")
            return prompt
        prompt = self.template
        for name in ("job", "group"):
            if f"{{{name}}}" in self.template:
                if not isinstance(word := item.get(name), str) or not word.strip():
                    raise DataError(f"{self.name}: an item without {name}; allowed: all that the template names")
                prompt = prompt.replace(f"{{{name}}}", word)
        return prompt

    def _drawn(self, ask: Ask, prompt: str) -> dict[str, Any]:
        """Return what came for a prompt, a few whole images at a time."""
        found: dict[str, Any] = {"prompt": prompt, "draws": [], "digests": [], "problems": [], "probabilities": []}
        settings: dict[str, Any] = dict(self.sampling)
        for start in range(0, self.draws_per_prompt, _AT_ONCE):
            asked = [prompt] * min(_AT_ONCE, self.draws_per_prompt - start)
            # of so few rows it takes as long to look a name up in a frame as to make it
            answer = dict(ask("sample", asked, **settings).items())
            problems = [why if isinstance(why, str) else None for why in answer["problem"]]
            came = zip(answer["content"], problems, strict=True)
            images = [None if cell is None or why is not None else content(cell) for cell, why in came]
            there = [image for image in images if image is not None]
            said = dict(ask("predict", there, model=self.classifier).items()) if there else {"probabilities": ()}
            told = iter(said["probabilities"])
            found["draws"] += [None if image is None else plain(small(image)) for image in images]
            found["digests"] += [None if image is None else digest_of(image) for image in images]
            found["problems"] += problems
            found["probabilities"] += [None if image is None else next(told).tolist() for image in images]
        return found

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.bias.generated_images`, and `confidence` (mean highest probability) of the
        helper on images and on labelled ones: where it doubts images more, its errors on them are others too.

        items has a row an image: a small one, its prompt, group, `class` by the helper, its confidence, problem, and
        whether it is equal to an earlier one of its prompt (`repeated`). Raises DataError for labels that the helper
        does not tell.
        """
        from detectors.bias.generated_images import image_shares
        from detectors.result import Result

        items = observed["items"]
        (known, first), (learnt, second) = (_once(observed, role, rng) for role in ("labelled", "learnt"))
        names = [str(one) for one in items["names"].iloc[0]]
        evidence = _evidence(items, names)
        said = None if known is None else _stacked(known["probabilities"])
        table = None if known is None or said is None else self._confusion(known["label"], said, names)
        counted = self._counted(evidence, items, names)
        if learnt is not None:
            counted = replace(counted, learnt=self._learnt(learnt, items, counted))
        result = image_shares(counted, table, level=level, rng=rng, fraction=self.missing_below)
        groups = [("draws", evidence["confidence"].to_numpy(float))]
        if said is not None:
            groups.append(("real items", said.max(axis=1)))
        sure = (confidence(values, group, level, rng) for group, values in groups)
        return Result((*result.measures, *sure), items=evidence, table=result.table, remarks=(*first, *second))

    def _confusion(self, labels: pd.Series[Any], said: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """Return labelled images [true class, given class] of which the helper said this [image, class]."""
        import numpy as np

        places, true = {name: k for k, name in enumerate(names)}, [str(label) for label in labels.to_list()]
        if odd := sorted(set(true) - set(names)):
            raise DataError(f"{self.name}: labelled: the helper tells no {odd[0]!r}{did_you_mean(odd[0], names)}")
        table = np.zeros((len(names), len(names)), dtype=np.int64)
        np.add.at(table, ([places[label] for label in true], said.argmax(axis=1)), 1)
        return table

    def _counted(self, evidence: pd.DataFrame, items: pd.DataFrame, names: Sequence[str]) -> Counted:
        """Return the counts by prompt; a prompt that stands in several items is one, of the group of the first."""
        import numpy as np

        from detectors.bias.generated_images import Counted

        first = items.drop_duplicates("prompt")
        prompts = first["prompt"].to_list()
        jobs, groups = (first[name].to_list() if name in first else [None] * len(first) for name in ("job", "group"))
        places, codes = ({name: k for k, name in enumerate(listed)} for listed in (prompts, names))
        place = np.array([places[prompt] for prompt in evidence["prompt"].to_list()], dtype=int)
        given, missing = np.zeros((len(prompts), len(names)), np.int64), np.zeros(len(prompts), np.int64)
        kind = np.array([codes.get(name, -1) for name in evidence["class"].to_list()], dtype=int)
        told, again = kind >= 0, evidence["repeated"].to_numpy(bool)
        np.add.at(given, (place[told & ~again], kind[told & ~again]), 1)
        np.add.at(missing, place[~told], 1)
        wanted = np.array([self.wanted(job, names) for job in jobs])
        groups = [one if isinstance(one, str) and one else None for one in groups]
        nothing = names.index(self.nothing) if self.nothing in names else None
        return Counted(
            prompts, groups, names, given, missing, wanted, repeated=int(again.sum()), nothing=nothing,
            cited=self.cite is not None,
        )

    def _learnt(self, learnt: pd.DataFrame, items: pd.DataFrame, counted: Counted) -> np.ndarray:
        """Return images [prompt, class] that were learnt from; those captioned otherwise than any prompt are left out.

        Raises DataError where all are.
        """
        import numpy as np

        places = {job: counted.prompts.index(prompt) for job, prompt in zip(
            items.get("job", items["prompt"]), items["prompt"], strict=True) if isinstance(job, str)}  # fmt: skip
        places |= {prompt: k for k, prompt in enumerate(counted.prompts)}
        place = np.array([places.get(str(label), -1) for label in learnt["label"].to_list()])
        if not (place >= 0).any():
            odd = str(learnt["label"].iloc[0])
            raise DataError(f"{self.name}: learnt: no item has the prompt or job {odd!r}{did_you_mean(odd, places)}")
        table = np.zeros(counted.given.shape, dtype=np.int64)
        kinds = _stacked(learnt["probabilities"]).argmax(axis=1)
        np.add.at(table, (place[place >= 0], kinds[place >= 0]), 1)
        return table

    def wanted(self, job: Any, names: Sequence[str]) -> list[float]:
        """Return the shares that a job's images should have; raises DataError for classes that there are not."""
        shown = [name for name in names if name != self.nothing]
        shares = self.references.get(job, self.reference) if isinstance(job, str) else self.reference
        if shares is None:
            shares = dict.fromkeys(shown, 1 / len(shown))
        if odd := sorted({*shares, *([self.nothing] if self.nothing else ())} - set(names)):
            raise DataError(f"{self.name}: reference: the helper tells no {odd[0]!r}{did_you_mean(odd[0], names)}")
        return [shares.get(name, 0.0) for name in names]

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return images of two prompts that differ by as much as their whole keeps to the reference, and images that
        keep to it whatever the helper says: one that took it at its word, or all prompts together, would be wrong.
        """
        from audit.probes.bias.generated_images_trials import controls

        return controls(self)

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return prompts whose images keep to the reference, and such that leave it, less and more."""
        from audit.probes.bias.generated_images_trials import ASKED, trials

        asking = replace(self, draws_per_prompt=ASKED)
        return [replace(one, probe=asking) for one in trials(asking, rng)]

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies above 0; without one, of what the helper says."""
        names = ("largest_total_variation", "largest_total_variation_given")
        ends = [one.low for one in result.measures if one.name in names and one.low is not None]
        return bool(ends) and ends[0] > 0


def _evidence(items: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return a row an image; the second image of item `x` has the id `x#2`."""
    import numpy as np
    import pandas as pd

    from detectors.arrays import objects

    columns = ("draws", "digests", "problems", "probabilities")
    draws, digests, problems, told = ([one for row in items[name] for one in row] for name in columns)
    sizes = [len(row) for row in items["draws"]]
    ids = [f"{name}#{number + 1}" if number else str(name)
           for name, size in zip(items.index, sizes, strict=True) for number in range(size)]  # fmt: skip
    prompts = np.repeat(items["prompt"].to_numpy(object), sizes).tolist()
    groups = np.repeat(items["group"].to_numpy(object), sizes).tolist() if "group" in items else None
    known = np.array([why is None and one is not None for why, one in zip(problems, told, strict=True)], dtype=bool)
    said = _stacked(compress(told, known)).reshape(-1, len(names))
    kinds, sure = np.full(len(known), None, dtype=object), np.full(len(known), np.nan)
    kinds[known], sure[known] = np.array(names, dtype=object)[said.argmax(axis=1)], said.max(axis=1)
    seen = list(zip(prompts, digests, strict=True))
    first = dict(zip(reversed(seen), reversed(range(len(seen))), strict=True))
    again = np.array([one[1] is not None and first[one] != place for place, one in enumerate(seen)], dtype=bool)
    evidence = {
        "image": [one if isinstance(one, list) else plain(one) for one in draws], "prompt": prompts, "group": groups,
        "class": objects(kinds, ids), "confidence": sure, "repeated": again, "problem": problems,
    }  # fmt: skip
    there = {name: cells for name, cells in evidence.items() if name != "group" or "group" in items}
    return pd.DataFrame(there, index=pd.Index(ids, name="id"))


def _stacked(told: Iterable[Any]) -> np.ndarray:
    """Return what a helper said of images as [image, class]."""
    import numpy as np

    return np.array([*told], dtype=float)


def _once(
    observed: Observed, role: str, rng: np.random.Generator
) -> tuple[pd.DataFrame | None, tuple[Remark, ...]]:
    """Return each image once that came several times with its label, one of each unit and label, and what that asks to
    tell; all as they are where neither digests nor units were kept.
    """
    images = observed.get(role)
    if images is not None and "digest" in images:
        images = images[~images.duplicated(["label", "digest"])]
    return (images, ()) if images is None else of_each_unit(images, rng, f"{role}: unit")


def of_each_unit(images: pd.DataFrame, rng: np.random.Generator, named: str) -> tuple[pd.DataFrame, tuple[Remark, ...]]:
    """Return one image of each unit and label, drawn at random, and the remark on it; all where nothing names units."""
    from detectors.bias.repeats import one_of_each_unit

    if "unit" not in images:
        return images, ()
    label = images["label"].astype("str") if "label" in images else ""
    both = (images["unit"].astype("str") + "\n" + label).where(images["unit"].notna(), None)
    return one_of_each_unit(images, both, rng, named)


def digest_of(image: np.ndarray) -> str:
    """Return what tells an image from others."""
    return sha256(str(image.shape).encode() + image.tobytes()).hexdigest()[:32]


def small(image: np.ndarray) -> np.ndarray:
    """Return a colour image [3, row, column] of bytes with at most 64 rows and columns; another as it is."""
    import numpy as np
    from PIL import Image

    if image.dtype != np.uint8 or image.ndim != 3 or len(image) != 3 or max(image.shape[1:]) <= _SIDE:
        return image
    shown = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    shown.thumbnail((_SIDE, _SIDE))
    return np.asarray(shown).transpose(2, 0, 1)
