"""Trains the reference models: `python -m audit.reference.training.train [--only FAMILY[/FORM]] [--out DIR]`.

Every model is seeded, and on one machine the same numbers come out again. Prints what each model reached.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audit.reference.cards import WEIGHTS

__all__ = ["FORMS", "TRAINERS", "main", "train_one"]

FORMS = ("sound", "flawed")

TRAINERS = {
    "image_classifier": "audit.reference.training.image_twins:classifier",
    "vae": "audit.reference.training.image_twins:vae",
    "gan": "audit.reference.training.image_twins:gan",
    "diffusion": "audit.reference.training.image_twins:diffusion",
    "latent_diffusion": "audit.reference.training.image_twins:latent_diffusion",
    "autoregressive_image": "audit.reference.training.image_twins:autoregressive_image",
    "autoregressive_series": "audit.reference.training.series:train",
    "language": "audit.reference.training.language:train",
    "applicants": "audit.reference.training.applicants:rows",
    "applicant_classifier": "audit.reference.training.applicants:classifier",
}
"""Family -> function `(folder, form) -> card` that trains one twin; the first judges what the others draw."""


def train_one(family: str, form: str, root: Path) -> dict[str, Any]:
    """Train one twin into `root/family/form` and return its card, which is written there too."""
    module, name = TRAINERS[family].split(":")
    folder = root / family / form
    folder.mkdir(parents=True, exist_ok=True)
    card: dict[str, Any] = getattr(importlib.import_module(module), name)(folder, form)
    (folder / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return card


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all twins, or those that `--only` names, and print their numbers."""
    every = {f"{family}/{form}": (family, form) for family in TRAINERS for form in FORMS}
    command = "python -m audit.reference.training.train"
    parser = argparse.ArgumentParser(prog=command, description="Train the reference models.")
    parser.add_argument("--only", choices=[*TRAINERS, *every], help="one family or one twin of it")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="where the folders go")
    options = parser.parse_args(arguments)
    for name, (family, form) in every.items():
        if options.only in (None, name, family):
            begun = time.process_time()
            card = train_one(family, form, options.out)
            numbers = ", ".join(f"{key} {value}" for key, value in card["numbers"].items())
            print(f"{name}: {numbers} ({time.process_time() - begun:.0f} s of a core)", flush=True)


if __name__ == "__main__":
    main()
