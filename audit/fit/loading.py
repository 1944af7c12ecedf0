"""From the text of a fit plan to its parts: every mistake at once, each with its place; no data is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from audit import plugins
from audit.errors import PlanError
from audit.files import canonical, sha256
from audit.fit.spec import FitSpec, ModelSpec
from audit.plan import PartReader
from audit.strict_yaml import by_line, mistakes, read_text, read_yaml
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.data import DataSource
    from audit.probe import Role
    from audit.trainer import Trainer

__all__ = ["FitPlan", "load_fit_plan", "read_fit_plan"]


@immutable
class FitPlan:
    """A fit plan with its parts built."""

    spec: FitSpec
    data: DataSource
    trainers: tuple[Trainer, ...]
    """One for each of the spec's models."""

    @property
    def role(self) -> Role:
        """The fields that the trainers learn from."""
        return self.trainers[0].role

    def identity(self, model: ModelSpec | None = None) -> str:
        """Return the digest of what decides how the data are parted, and of how `model` is trained.

        Data are told by their own digest, wherever they lie.
        """
        shared = self.spec.model_dump(include={"seed", "leave_out", "split", "limit"})
        told = {**shared, "data": self.data.digest(), "fields": sorted(self.role.fields)}
        if model is not None:
            trainer = self.trainers[self.spec.models.index(model)]
            told["model"] = {**model.model_dump(exclude={"trainer"}), **plugins.options_of(trainer)}
            told |= self.spec.model_dump(include={"minutes", "device", "threads"}) | {"use": model.trainer["use"]}
        return sha256(canonical(told))


def load_fit_plan(path: str | Path) -> FitPlan:
    """Read a fit plan; raises PlanError with every mistake at once."""
    text = read_text(path, "'dokimasia init --for novelty' writes a fit plan")
    return read_fit_plan(text, name=str(path), base=Path(path).parent)


def read_fit_plan(text: str, *, name: str = "fit.yaml", base: Path | None = None) -> FitPlan:
    """Build a fit plan from YAML text; relative paths start at `base`."""
    reader = PartReader(read_yaml(text, name), base or Path())
    raw = reader.document.data
    if not isinstance(raw, dict):
        raise PlanError([f"{reader.document.at(())}: a fit plan is a mapping with title, data and models"])
    spec = None
    try:
        spec = FitSpec.model_validate(raw)
    except ValidationError as error:
        reader.problems += mistakes(error, reader.document, FitSpec)
    data = reader.part("data", raw.get("data"), ("data",))
    rows = raw.get("models")
    named = [one if isinstance(one, dict) else {} for one in (rows if isinstance(rows, list) else [])]
    trainers = [
        reader.part("trainers", one.get("trainer"), ("models", place, "trainer")) for place, one in enumerate(named)
    ]
    names = [one.get("name") for one in named]
    for place, one in enumerate(names):
        if isinstance(one, str) and one in names[:place]:
            reader.wrong(("models", place, "name"), f"two models are named {one!r}")
    _agree(reader, trainers)
    if reader.problems or spec is None:
        raise PlanError(sorted(dict.fromkeys(reader.problems), key=by_line))
    return FitPlan(spec, data, tuple(trainers))


def _agree(reader: PartReader, trainers: list[Trainer | None]) -> None:
    """Take down which trainers do not learn from what the first one learns from; they share one reading of the data."""
    there = [(place, one) for place, one in enumerate(trainers) if one is not None]
    for place, one in there[1:]:
        if one.role != there[0][1].role:
            fields = [", ".join(part.role.fields) for part in (one, there[0][1])]
            reader.wrong(("models", place, "trainer"), f"learns from {fields[0]}, the first one from {fields[1]}; "
                                                       "allowed: one kind of items in a plan")  # fmt: skip
