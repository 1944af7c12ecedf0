"""The fit plan as it is written: which data, how they are parted, and what is trained on them for how long."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from audit.strict_yaml import StrictModel
from audit.trainer import Device

__all__ = ["FitSpec", "ModelSpec", "SplitSpec"]

NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"
TAKEN = ("parts",)
Part = dict[str, Any]
"""`use: NAME` and the options of the part of that name; see `dokimasia parts`."""


class SplitSpec(StrictModel):
    """Shares of the independent units in each part; they add up to 1. No unit is in two parts."""

    train: float = Field(default=0.6, gt=0, lt=1)
    """What models learn from."""
    validation: float = Field(default=0.1, gt=0, lt=1)
    """What tells when to stop training."""
    fit: float = Field(default=0.1, gt=0, lt=1)
    """What an audit fits the statistics of its scores on."""
    calibration: float = Field(default=0.1, gt=0, lt=1)
    """What an audit calibrates its decisions on."""
    heldout: float = Field(default=0.1, gt=0, lt=1)
    """The familiar items that an audit judges."""

    @model_validator(mode="after")
    def _whole(self) -> SplitSpec:
        total = sum(self.model_dump().values())
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares add up to {total:g}; allowed: 1")
        return self


class ModelSpec(StrictModel):
    """One model to train."""

    name: str = Field(pattern=NAME)
    """Short name, unique in the plan; the model's folder is called so."""
    trainer: Part
    """`{use: vae, ...options}`; see `dokimasia parts trainers`."""
    steps: int = Field(default=2000, gt=0)
    """Most steps of training."""
    every: int = Field(default=50, gt=0)
    """Steps between two looks at the held-out loss."""
    patience: int = Field(default=6, gt=0)
    """Looks without a better one after which training ends."""

    @model_validator(mode="after")
    def _free(self) -> ModelSpec:
        if self.name in TAKEN:
            raise ValueError(f"name: got {self.name!r}; allowed: another, that folder holds the items")
        return self


class FitSpec(StrictModel):
    """A fit plan as it is written."""

    title: str = Field(min_length=1, max_length=200)
    """What the models are for, in one line."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of the split and of all training."""
    data: Part
    """`{use: image_folder, path: ./images}`; see `dokimasia parts data`."""
    limit: int | None = Field(default=None, gt=0)
    """At most this many items of the data."""
    leave_out: list[str] = Field(default=[])
    """Labels that no model sees; their items are the part `foreign`."""
    split: SplitSpec = SplitSpec()
    """Shares of the parts."""
    minutes: float | None = Field(default=None, gt=0)
    """Most minutes by the clock for all models together; what is left is shared by those that are still to be trained.
    A training that ends by the clock is not the same on another machine."""
    device: Device = "cpu"
    """Where it is trained; `auto` takes an accelerator where there is one, whose sums may come out otherwise."""
    threads: int | None = Field(default=None, gt=0)
    """Threads of the processor; absent = what the process may use. Another number may move last digits."""
    models: list[ModelSpec] = Field(min_length=1)
    """What is trained."""
