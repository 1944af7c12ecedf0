"""What `init --for robustness` writes: the model, and the question whether its answers flip when what it reads changes.

    language models      robustness.text on plain questions; behind an address they write, else choices are scored
    classifiers          robustness.text, or of images robustness.images, on data of the user's own
    densities of images  robustness.images: by how much log p falls
"""

from __future__ import annotations

import json
from pathlib import Path

from audit.errors import UsageError
from audit.reference.plans import find_language_model
from audit.reference.starters import CHAT_PROMPT, family_of, has_chat_template, seen_from

__all__ = ["robustness_plan"]

_DENSITIES = ("autoregressive_image", "diffusion", "latent_diffusion", "vae")
_IMAGES = "{use: image_folder, path: ./images/heldout}"
_TEXTS = "{use: file, path: ./texts.csv}                  # columns text and label"
_LIMIT = "    limit: {{measure: {}, at_most: 0.3}}\n"
_PLAN = """\
# yaml-language-server: $schema=./plan.schema.json
title: Do answers stay when what is asked changes and its meaning does not?
seed: 7
level: 0.95
model: {{{model}}}
checks:
  - name: changed
    probe: {{{probe}}}
    data: {data}
{limit}"""


def robustness_plan(model: str | None, *, base: Path = Path()) -> str:
    """Return the text of a plan in `base` against `model`, or else against the installed language model.

    Raises UsageError where `model` is not there, of no kind that is known, or of one that cannot be asked.
    """
    path = model or str(find_language_model() or "./model")
    family = "causal_lm" if model is None else family_of(model)
    where = json.dumps(path if model is None else seen_from(base, model), ensure_ascii=False)
    told = {"model": f"use: {family}, path: {where}", "data": _IMAGES, "limit": _LIMIT.format("worst_kept_flip_rate")}
    if family == "causal_lm":
        chat = has_chat_template(Path(path))
        told["model"] += ", dtype: float32" + (", prompt_form: chat" if chat else "")
        told["probe"] = "use: robustness.text, mode: choice" + (f", prompt: {json.dumps(CHAT_PROMPT)}" if chat else "")
    elif family == "endpoint":
        told["model"] = f"use: endpoint, url: {where}, name: our-model"
        told["probe"] = "use: robustness.text, mode: generate"
    elif family == "classifier":
        told["model"] += ", modality: text"
        told |= {"probe": "use: robustness.text, mode: predict", "data": _TEXTS}
    elif family == "image_classifier":
        told |= {"probe": "use: robustness.images", "limit": _LIMIT.format("worst_flip_rate")}
    elif family in _DENSITIES:
        told |= {"probe": "use: robustness.images, mode: log_prob", "limit": ""}
    else:
        allowed = "a language model, an address, a classifier, or a density of images"
        raise UsageError(f"--for robustness: got a model of the family {family}; allowed: {allowed}")
    if family in ("causal_lm", "endpoint"):
        told["data"] = "{use: builtin, name: plain_questions}"
    return _PLAN.format(**told)
