"""Do images carry the mark of a key, what takes it out, whom does it accuse, and what does it cost?

    images given    the items carry the mark, as its maker claims        data: items, originals, unmarked, lifted
    images marked   the audit puts the mark into the items itself: what it would do; a mark in starting noise it puts
                    into what the model draws, an image for every item
    images drawn    the model draws an image for every item, and is to mark it

The mark is one of `dokimasia.image_marks`. One that is missing says nothing of who made an image. Who has several
marked images can lift what they have in common: `lifted` is what the audit lifts it from, to take it off the items and
to put it into originals that were never marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit import plugins
from audit.errors import UsageError
from audit.probe import COUNT, SHARE, Ask, Observed, Range, Role
from audit.probes.items import without_nan
from audit.probes.provenance.image_reading import BY_MODEL, ImageReader, Lifted, attacks_on_images, pixels_of
from audit.probes.provenance.mark_probe import MarkProbe
from audit.probes.provenance.named import mark_and_key, names_of
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from audit.probe import Trial
    from audit.watermarks.image import ImageMark
    from audit.watermarks.keys import MarkKey
    from detectors.result import Result

__all__ = ["MarkedImages"]

_IMAGE = "image as numbers [row, column] or [channel, row, column]"
_UNIT = "independent unit, e.g. the photograph that it was cut from; absent = every image is its own"
_NAME = "file name, by which originals go with marked images; absent = they go by id"


@immutable
class MarkedImages(MarkProbe):
    """Share of images that carry a keyed mark, after attacks too, beside false alarms, copies and what it costs."""

    images: Literal["given", "marked", "drawn"] = "given"
    """Whose images: `given` carry the mark, `drawn` the model draws with it, `marked` the audit puts it in: into the
    items, or where the mark is one in starting noise into what the model draws."""
    mark: Mapping[str, Any] = field(default_factory=dict, metadata={"part": "image_marks"})
    """The mark: its name at `use`, its options beside it; absent = `image-spread`."""
    key: str = "dokimasia"
    """The key, or what stands for a message; it stands in the record. `0x` before it: hexadecimal digits."""
    key_file: Path | None = None
    """Key file of a mark (`dokimasia mark key`), where it is secret: items hold its id, variant and commitment."""
    alpha: float = 1e-6
    """An image is found where its p-value is at most this."""
    attacks: Sequence[str] = ()
    """Attacks that images are read after, such as `jpeg at 50`; `all` stands for the built-in ones."""
    other_keys: int = 1
    """Keys that were not put in under which each image is read: how far false alarms can be counted."""
    promise_power: float = 0.95
    """Share of the images that shall be found after every attack."""
    promise_alpha: float = 1e-6
    """P-value at which they shall be found."""
    levels: int = 256
    """Levels of a pixel in the data and in what the model draws."""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """Options of what the model draws, such as `steps`."""
    together: Sequence[int] = ()
    """Images of one draw that are read together, such as 4 and 16: of a mark in starting noise, one p-value for all."""
    regenerator: str | None = None
    """Helper that makes images again: a diffusion model (`regenerate at 0.3`, of its time), a VAE (`rinse at 1`)."""

    kind: ClassVar[str] = "image_marks"
    usual: ClassVar[str] = "image-spread"
    name: ClassVar[str] = "provenance.image_mark"
    dimension: ClassVar[str] = "provenance"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role({"image": _IMAGE, "name": _NAME, "unit": _UNIT}, optional=frozenset({"image", "name", "unit"})),
        "originals": Role({"image": f"{_IMAGE}, before it was marked", "name": _NAME}, optional=frozenset({"name"}),
                          required=False),
        "unmarked": Role({"image": f"{_IMAGE}, known to be without the mark", "unit": _UNIT},
                         optional=frozenset({"unit"}), required=False),
        "lifted": Role({"image": f"{_IMAGE}, further ones with the mark"}, required=False),
    }  # fmt: skip
    measures: ClassVar[Mapping[str, Range]] = {
        "detection_rate": SHARE, "worst_power_under_attack": SHARE, "false_positive_rate": SHARE,
        "own_false_positive_rate": SHARE, "other_key_rate": SHARE, "forgery_rate": SHARE, "bit_accuracy": SHARE,
        "psnr": Range("dB", 0), "ssim": Range("score", -1, 1), "cells_below_promise": COUNT, "not_tested": COUNT,
        "power_under_attack": SHARE, "images_needed": Range("images", 0), "power_together": SHARE,
        "other_key_power_together": SHARE,
    }

    def __post_init__(self) -> None:
        """Refuse options that could find nothing."""
        self._refuse(
            ("levels", 2 <= self.levels <= 256, "2 to 256"),
            ("together", all(size >= 2 for size in self.together), "2 or more each"),
        )
        made = [kind for kind, _ in attacks_on_images(self.attacks) if kind in BY_MODEL]
        if made and self.regenerator is None:
            raise ValueError(f"attacks: got {made[0]} without a regenerator; allowed: with one")

    @property
    def needs(self) -> frozenset[str]:
        """What the model draws by, where it does, and what the mark asks it about images."""
        asks = plugins.load("image_marks", self._named["use"]).asks
        return frozenset({*([self._draws] if self._draws else []), *([asks] if asks else [])})

    @property
    def _draws(self) -> str | None:
        """Return the question that the model answers with images; None where it draws none."""
        if self.images == "drawn":
            return "sample"
        noise = hasattr(plugins.load("image_marks", self._named["use"]), "begun")
        return "marked_images" if noise and self.images == "marked" else None

    def estimate(self, items: int) -> int:
        """Return calls: a draw for every item, and a question about each of its forms where the mark asks."""
        asked = len(self.needs - {self._draws}) * (2 + len(attacks_on_images(self.attacks)))
        return items * (bool(self._draws) + asked)

    def informed(self, before: Observed) -> _Reading:
        """Return what reads the items, told what else there is."""
        from detectors.provenance.image.lifting import lifted

        originals, others = before.get("originals"), before.get("lifted")
        images = [] if others is None else [pixels_of(one, self.levels, self.name) for one in others["image"]]
        pairs = None if originals is None else dict(zip(names_of(originals), originals["image"], strict=True))
        return _Reading(self, pairs, Lifted(lifted(images) if len(images) > 1 else None))

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return originals and images to lift from as they are; of unmarked ones what is read under the keys."""
        import pandas as pd

        if role in ("originals", "lifted"):
            return items
        if role == "items":
            return _Reading(self, None, Lifted()).observe(ask, items, role)
        reader = self.reader(ask)[1]
        images = {name: pixels_of(cell, self.levels, self.name) for name, cell in items["image"].items()}
        reader = reader.told_of([*images.values()])
        found = [reader.clean(str(name), image) for name, image in images.items()]
        return pd.concat([items.drop(columns="image"), pd.DataFrame(found, items.index, dtype=object)], axis=1)

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.provenance.image.detection`."""
        from detectors.provenance.image.detection import image_mark_detection

        return self._judged(image_mark_detection, observed, level, rng)

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return images that hold a mark by a hair, or do not; see `audit.probes.provenance.image_mark_trials`."""
        from audit.probes.provenance.image_mark_trials import image_mark_trials

        return image_mark_trials(self, rng)

    def reader(self, ask: Ask) -> tuple[MarkKey, ImageReader]:
        """Return the key and what reads under it; raises UsageError."""
        mark, known = mark_and_key("image_marks", self._named, self.key, self.key_file)
        return known, ImageReader(ask, mark, known.secret, self.other_keys, self.levels, regenerator=self.regenerator)


@immutable
class _Reading:
    """Reads the items beside what was given with them."""

    probe: MarkedImages
    originals: Mapping[str, Any] | None
    """Name, or id, of an original -> the image."""
    lifted: Lifted

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return of each item what is read in its image, `problem` (why there is none), and parts of it to look at.

        What is read is kept in place of the key, of which `key` says what may be told.
        """
        import pandas as pd

        probe = self.probe
        known, reader = probe.reader(ask)
        told = " ".join(known.told.values()) if probe.key_file else known.variant
        pairs, attacks = self._pairs(ask, items, reader.mark, known.secret), attacks_on_images(probe.attacks)
        reader = reader.told_of([marked for marked, _, _ in pairs if marked is not None])
        rows = [
            {"problem": problem, "key": told}
            | ({} if marked is None else reader.marked(str(name), marked, original, attacks, self.lifted))
            for name, (marked, original, problem) in zip(items.index, pairs, strict=True)
        ]
        if probe.together:
            for row, told_of in zip(rows, reader.together([one[0] for one in pairs], probe.together), strict=True):
                row.update(told_of)
        found = pd.DataFrame(rows, items.index, columns=self._columns, dtype=object)
        kept = [name for name in ("name", "unit") if name in items]
        return pd.concat([items[kept], without_nan(found)], axis=1)

    @property
    def _columns(self) -> list[str]:
        """Return what is told of an item, the same in every shard."""
        paired = self.originals is not None or (self.probe.images == "marked" and not self.probe._draws)
        attacked = bool(self.probe.attacks) or self.lifted.pattern is not None
        pooled = _POOLED if self.probe.together else ()
        return [*_ALWAYS, *(_PAIRED if paired else ()), *(_ATTACKED if attacked else ()), *pooled]

    def _pairs(self, ask: Ask, items: pd.DataFrame, mark: ImageMark, key: bytes) -> list[Any]:
        """Return (marked image, original, problem) of each item."""
        if (question := self.probe._draws) is not None:
            put_in = {"mark": {"use": mark.variant, **plugins.options_of(mark)}, "key": key.hex()}
            how = {**(put_in if question == "marked_images" else {}), **self.probe.sampling}
            drawn = ask(question, [None] * len(items), **how)
            return [
                (None if problem is not None else self._pixels(cell), None, problem)
                for cell, problem in zip(drawn["content"], drawn["problem"], strict=True)
            ]
        images = [self._pixels(cell) for cell in items["image"]]
        if self.probe.images == "marked":
            return [_put_in(mark, image, key) for image in images]
        originals = [None if self.originals is None else self.originals.get(one) for one in names_of(items)]
        return [
            (image, None if cell is None else self._pixels(cell), None)
            for image, cell in zip(images, originals, strict=True)
        ]

    def _pixels(self, cell: Any) -> NDArray[np.float32]:
        return pixels_of(cell, self.probe.levels, self.probe.name)


def _put_in(mark: Any, image: NDArray[np.float32], key: bytes) -> tuple[Any, Any, str | None]:
    """Return the marked image, the original, and why there is no marked one."""
    from audit.watermarks.image import MarksImages

    if not isinstance(mark, MarksImages):
        raise UsageError("{mark} is not put into images that are there; allowed: images given, or drawn",
                         mark=mark.variant)  # fmt: skip
    try:
        return mark.marked(image, key), image, None
    except UsageError as error:
        return None, image, str(error)


_ALWAYS = ("problem", "key", "image", "p_value", "right_bits", "other_p_values")
_PAIRED = ("original", "psnr", "ssim", "plain_p_value")
_ATTACKED = ("kinds", "strengths", "lengths", "altered", "p_values", "bits")
_POOLED = ("set_sizes", "set_p_values", "set_other_p_values")
