"""Small models of our own in two forms: sound, and flawed on purpose with the faults that its card lists.

    weights/<family>/<sound|flawed>/{config.json, model.safetensors, card.json}
    weights/applicant_classifier/<sound|flawed>/{classifier.skops, card.json}
    weights/applicants/<sound|flawed>/card.json          a table, made by `audit.data.sets.applicants`

`python -m audit.reference.training.train` makes them again. A card says what was planted and which probe must find it;
a fault whose probe comes later has status `not asked`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from detectors.immutable import immutable

__all__ = ["WEIGHTS", "Reference", "reference_folders"]

WEIGHTS = Path(__file__).parent / "weights"
"""Where the trained models lie."""


@immutable
class Reference:
    """One reference model, or table."""

    family: str
    """Name of its adapter, or source of data, as plans write it after `use`."""
    form: str
    """`sound` or `flawed`."""
    path: Path
    card: dict[str, Any]
    """`family, form, seed, trained_on, numbers` and `faults`, each `{name, what, probe, measure, status}`, and
    `check` where one check of several that the probe has must find it."""

    @property
    def name(self) -> str:
        """What the quickstart calls it, e.g. `latent diffusion sound`."""
        return f"{self.path.parent.name.replace('_', ' ')} {self.form}"


def reference_folders(root: Path = WEIGHTS) -> list[Reference]:
    """Return the reference models by family, the flawed form before the sound one."""
    found = []
    for path in sorted(root.glob("*/*/card.json")):
        card = json.loads(path.read_text("utf-8"))
        found.append(Reference(card["family"], card["form"], path.parent, card))
    return found
