"""Whom does a folder of images show, as a classifier reads it, before any model has learnt from it?

    images by subfolder -> labels by a helper -> shares by subfolder, its errors undone by a labelled sample

    helpers: {classifier: {use: zero_shot_image, path: ./clip, labels: {woman: a woman, man: a man}}}
    probe: {use: bias.image_data, reference: {woman: 0.5, man: 0.5}, cite: the census}
    data:
      items: {use: image_folder, path: ./photos, mode: RGB, size: [256, 256]}
      labelled: {use: image_folder, path: ./labelled, mode: RGB, size: [256, 256]}

No model is asked but the helper. Shares and their errors are those of `bias.generated_images`, a subfolder standing for
a prompt; where classes of all images are known, `bias.data` counts them as they are. Images of one subfolder that share
a `unit`, such as the person that they show, count once: one of them is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from audit.probe import Ask, Observed, Range, Role
from audit.probes.bias.generated_images import GeneratedImages, digest_of, of_each_unit, small
from audit.probes.items import plain, shown_items
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Remark, Result

__all__ = ["ImageData"]

_WHOLE = "all images"
"""What images are called that lie in no subfolder."""


def _named(name: str) -> str:
    return name.replace("prompt", "folder")


def _of_data(name: str) -> bool:
    return "amplification" not in name


@immutable
class ImageData:
    """Shares of labels in a folder of images, by subfolder, as a helper tells them with its errors undone."""

    classifier: str = "classifier"
    """Helper that tells what an image shows."""
    reference: dict[str, float] | None = None
    """Class -> share that it should have in any subfolder; absent = equal shares."""
    references: dict[str, dict[str, float]] = field(default_factory=dict)
    """Subfolder -> class -> share, for subfolders with shares of their own."""
    cite: str | None = None
    """Where the reference comes from; needed with one."""
    nothing: str | None = None
    """Class of images that show none of the others; how often somebody is shown, and the shares then, are told too."""
    missing_below: float = 0.25
    """A class is missing where its share is below this fraction of its reference."""

    name: ClassVar[str] = "bias.image_data"
    dimension: ClassVar[str] = "bias"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(
            {"image": "image as numbers, [row, column] or [channel, row, column]",
             "label": "subfolder that it lies in; absent = all images are taken together",
             "unit": "independent unit, e.g. the person that is shown; absent = every image is its own"},
            optional=frozenset({"label", "unit"}), repeats=True,
        ),
        "labelled": GeneratedImages.roles["labelled"],
    }  # fmt: skip
    measures: ClassVar[Mapping[str, Range]] = {
        _named(name): one for name, one in GeneratedImages.measures.items()
        if _of_data(name)
    }  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse a fraction outside (0, 1), and a reference that nobody stands for."""
        _ = self._shown

    @property
    def _shown(self) -> GeneratedImages:
        """The judge of images by prompt."""
        return _Shown(
            classifier=self.classifier, reference=self.reference, references=self.references, cite=self.cite,
            nothing=self.nothing, missing_below=self.missing_below,
        )

    @property
    def needs(self) -> frozenset[str]:
        """Nothing of a model: this is an audit of data."""
        return frozenset()

    def estimate(self, items: int) -> int:
        """Return the predictions of so many images."""
        return items

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return of an image a small one (`draw`), the `digest` of the whole, its `label` and `unit`, and by the helper
        its `probabilities` and their `names`; of labelled images `label`, `unit`, `probabilities` and `digest`.
        """
        import pandas as pd

        if role != "items":
            return self._shown.observe(ask, items, role)
        shown = list(shown_items(self.name, items))
        names = [str(one) for one in ask("class_names", [None], model=self.classifier)["names"].iloc[0]]
        told = ask("predict", shown, model=self.classifier)["probabilities"]
        columns: dict[str, list[Any]] = {
            "draw": [plain(small(image)) for image in shown], "digest": [digest_of(image) for image in shown],
            "probabilities": [row.tolist() for row in told], "names": [names] * len(items),
        }
        kept = {name: items[name] for name in ("label", "unit") if name in items}
        return pd.DataFrame({**kept, **columns}, items.index)

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.bias.generated_images`, `folder` standing for `prompt` in their names.

        items has a row an image: a small one, its folder, `class` by the helper, its confidence, and whether it is
        equal to an earlier one of its folder. Raises DataError for labels that the helper does not tell.
        """
        images, drawn = _independent(observed["items"], rng)
        parts = [(str(name), part) for name, part in images.groupby("label", observed=True)]
        result = self._shown.judge({**observed, "items": _by_folder(parts)}, level=level, rng=rng)
        evidence, table = result.items, result.table
        assert evidence is not None
        assert table is not None
        ids = [name for _, part in parts for name in part.index.to_list()]
        items = evidence.set_axis(ids, axis=0).rename_axis("id").drop(columns="problem").rename(columns=_named)
        measures = tuple(replace(one, name=_named(one.name)) for one in result.measures if _of_data(one.name))
        return replace(
            result, measures=measures, items=items.reindex(images.index), table=table.rename(columns=_named),
            remarks=(*drawn, *result.remarks),
        )

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return two subfolders that differ by as much as their whole keeps to the reference, and such that keep to it
        whatever the helper says: one that took it at its word, or all images together, would be wrong.
        """
        faulty, clean = self._shown.controls(rng)
        return {**faulty, "items": _by_image(faulty["items"])}, {**clean, "items": _by_image(clean["items"])}

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies above 0; without one, of what the helper says."""
        return self._shown.found(result)

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return subfolders whose images keep to the reference, and such that leave it, less and more."""
        from audit.probes.bias.generated_images_trials import folder_trials

        return [
            replace(one, known={(_named(name), group): known for (name, group), known in one.known.items()
                                if _of_data(name)})
            for one in folder_trials(self._shown, rng)
        ]  # fmt: skip

class _Shown(GeneratedImages):
    """The same of images that are there already, with the probe's name in what it refuses."""

    name = ImageData.name


def _independent(images: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, tuple[Remark, ...]]:
    """Return images with their subfolder, of each unit in one a drawn image and those equal to it; and the remark."""
    images = images.assign(label=images["label"].fillna(_WHOLE) if "label" in images else _WHOLE)
    drawn, told = of_each_unit(images[~images.duplicated(["label", "digest"])], rng, "items: unit")
    kept = set(_seen(drawn))
    return images[[one in kept for one in _seen(images)]], told


def _seen(images: pd.DataFrame) -> Iterable[tuple[str, str]]:
    """Return (subfolder, digest) of every image."""
    return zip(images["label"].to_list(), images["digest"].to_list(), strict=True)


def _by_folder(parts: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """Return a row a subfolder, as `bias.generated_images` keeps one a prompt."""
    import pandas as pd

    rows = [
        {"prompt": name, "job": name, "names": part["names"].iloc[0], "draws": part["draw"].to_list(),
         "digests": part["digest"].to_list(), "problems": [None] * len(part),
         "probabilities": part["probabilities"].to_list()}
        for name, part in parts
    ]  # fmt: skip
    return pd.DataFrame(rows, index=pd.Index([row["prompt"] for row in rows], name="id"))

def _by_image(prompts: pd.DataFrame) -> pd.DataFrame:
    """Return a row an image, of a row a prompt."""
    import pandas as pd

    rows: list[dict[str, Any]] = [
        {"label": row["prompt"], "draw": draw, "digest": digest, "probabilities": told, "names": row["names"]}
        for row in prompts.to_dict("records")
        for draw, digest, told in zip(row["draws"], row["digests"], row["probabilities"], strict=True)
    ]
    return pd.DataFrame(rows, index=pd.Index([str(number) for number in range(len(rows))], name="id"))
