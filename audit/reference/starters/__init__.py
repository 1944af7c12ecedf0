"""The plan that `init` writes: what a model is, is read off the file or folder, and each kind has its template.

    an address -> endpoint   a file of rows -> table   .skops -> classifier   .gguf -> causal_lm
    a file of rows with a column `decision` -> those decisions, by group; with `context` and `answer` -> those answers;
                             with `label` and `confidence` -> that confidence; with `label` and `judge` -> that judge;
                             with `prediction` and `group` -> those numbers, by group
    a folder   -> what its config.json or model_index.json says: a family of ours, or a class of a library

Nothing is loaded and no server is asked.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from audit.data import ENDINGS, column_names
from audit.errors import DataError, UsageError
from audit.reference.plans import find_language_model

__all__ = [
    "CHAT_PROMPT", "data_entry", "family_of", "has_chat_template", "seen_from", "starter_model", "starter_plan",
]

_TEMPLATES = {
    **dict.fromkeys(("autoregressive_image", "diffusion", "gan", "latent_diffusion", "vae"), "image"),
    "autoregressive_series": "series", "causal_lm": "language_model", "classifier": "classifier",
    "endpoint": "endpoint", "image_classifier": "image_classifier", "table": "table",
    "text_to_image": "text_to_image",
}
"""Adapter -> template."""
_CLASSES = {
    "ForCausalLM": "causal_lm", "LMHeadModel": "causal_lm", "ForSequenceClassification": "classifier",
    "ForImageClassification": "image_classifier", "ForCausalImageModeling": "autoregressive_image",
    "AutoencoderKL": "vae", "DDPMPipeline": "diffusion", "UNet2DModel": "diffusion", "LDMPipeline": "latent_diffusion",
    "LDMTextToImagePipeline": "latent_diffusion", "Pipeline": "text_to_image",
}
"""End of the name of a library's class -> adapter, the first that fits."""
CHAT_PROMPT = "{question} Answer with the name or the number alone."
"""What a user's turn asks; a text to go on from, which is the probe's default, often gets nothing from a chat model."""
_GGUF_KEY = (23).to_bytes(8, "little") + b"tokenizer.chat_template" + (8).to_bytes(4, "little")
"""The entry in a GGUF file's head: length and text of its name, and that a text follows."""
_HEAD = 64 << 20
"""Bytes that the head, with all of its tokens, does not exceed."""
_ALLOWED = (
    "allowed: an http address, a .gguf or .skops file, a CSV, TSV, JSON lines or Parquet file of outputs, or a folder "
    "of transformers, of diffusers or of ours"
)


def seen_from(base: Path, place: str) -> str:
    """Return a file or folder as a plan that lies in `base` names it; an address and what is absolute stay."""
    if base == Path() or "://" in place or Path(place).is_absolute():
        return place
    return os.path.relpath(place, base)


def data_entry(data: str | None, base: Path, *, column: str | None, otherwise: str = "items") -> str:
    """Return the entry of a file of rows with this column in a plan, or of a folder of images where `column` is None.

    None as data = what is still to be put at `otherwise`. Raises UsageError where it is not there, or lacks the column.
    """
    if data is None:
        use, ending = ("image_folder", "") if column is None else ("file", ".jsonl")
        return f"{{use: {use}, path: ./{otherwise}{ending}}}"
    path, where = Path(data), json.dumps(seen_from(base, data), ensure_ascii=False)
    if column is None:
        if not path.is_dir():
            raise UsageError(f"--data {data}: no such folder; allowed: a folder of images")
        return f"{{use: image_folder, path: {where}}}"
    allowed = f"allowed: CSV, JSON lines or Parquet with the column {column}"
    if not path.is_file() or path.suffix.lower() not in ENDINGS:
        got = f"ends in {path.suffix!r}" if path.is_file() else "no such file"
        raise UsageError(f"--data {data}: {got}; {allowed}")
    if column not in column_names(path):
        raise UsageError(f"--data {data}: has no column '{column}'; {allowed}")
    return f"{{use: file, path: {where}}}"


def starter_plan(model: str | None, *, base: Path = Path()) -> str:
    """Return the text of a plan in `base` against `model`, or else against the installed language model.

    Raises UsageError where `model` is not there or of no kind that is known, or lacks a column that its plan needs.
    """
    text = _filled(_template(model), model, base)
    return f"# yaml-language-server: $schema=./plan.schema.json\n{text}"


def starter_model(model: str | None, *, base: Path = Path()) -> str:
    """Return the line of that plan which names the model.

    Raises UsageError as `starter_plan` does, and for a file of rows that are audited themselves.
    """
    line = next((line for line in _template(model).splitlines() if line.startswith("model:")), None)
    if line is None:
        raise UsageError(f"--model {model}: holds rows made elsewhere, and no model's outputs; allowed: --data {model}")
    return _filled(line, model, base)


def _template(model: str | None) -> str:
    """Return the plan without places and columns."""
    family = "causal_lm" if model is None else family_of(model)
    template = (_of_rows(str(model)) if family == "table" else None) or _TEMPLATES[family]
    text = (Path(__file__).parent / f"{template}.yaml").read_text("utf-8").replace("FAMILY", family)
    if family == "causal_lm" and has_chat_template(Path(model or _installed())):
        text = text.replace("dtype: float32}", "dtype: float32, prompt_form: chat}").replace(
            "mode: choice}", f"mode: choice, prompt: {json.dumps(CHAT_PROMPT)}}}"
        )
    return text


def _filled(text: str, model: str | None, base: Path) -> str:
    """Return a part of a template with the columns and places that it leaves open."""
    text = _with_columns(text, model or "")
    installed = _installed()
    places = {'"MODEL"': installed if model is None else seen_from(base, model), '"LANGUAGE_MODEL"': installed}
    return re.sub("|".join(places), lambda found: json.dumps(places[found[0]], ensure_ascii=False), text)


def _installed() -> str:
    return str(find_language_model() or "./model")


_ROWS = {
    "decisions": {"decision"}, "grounding": {"prompt", "context", "answer"}, "calibration": {"confidence", "label"},
    "judged": {"judge", "label"}, "predictions": {"prediction", "group"},
}
"""Template -> columns of a file whose rows are what it audits."""


def _of_rows(path: str) -> str | None:
    """Return the template for rows made elsewhere, by their columns; None where they are a model's outputs."""
    try:
        columns = set(column_names(Path(path)))
    except DataError:
        return None
    return next((name for name, wanted in _ROWS.items() if wanted <= columns), None)


_OF_OUTPUTS = {
    "PROMPT": ("prompts", ("prompt", "question", "input", "instruction", "query")),
    "OUTPUT": ("outputs", ("output", "completion", "response", "generation", "prediction", "answer")),
    "ALIASES": ("right answers", ("aliases", "reference", "references", "target", "label", "answers", "answer")),
}
"""Place in the template -> what its column holds, and what such a column is called, the surest name first."""


def _with_columns(text: str, path: str) -> str:
    """Return the text with the file's own columns; UsageError where one that it asks for is called otherwise."""
    asked = {place: told for place, told in _OF_OUTPUTS.items() if place in text}
    left = column_names(Path(path)) if asked else []
    for place, (what, names) in asked.items():
        column = next((name for name in names if name in left), None)
        if column is None:
            raise UsageError(f"--model {path}: no column of {what}; allowed: one that is called {', '.join(names)}")
        left.remove(column)
        text = text.replace(place, column)
    return text


def has_chat_template(path: Path) -> bool:
    """Tell whether the language model of this folder or GGUF file comes with a chat template; nothing is loaded."""
    if path.is_file():
        with path.open("rb") as file:
            return _GGUF_KEY in file.read(_HEAD)
    if (path / "chat_template.jinja").is_file() or (path / "chat_template.json").is_file():
        return True
    try:
        facts = json.loads((path / "tokenizer_config.json").read_bytes())
    except (OSError, ValueError):
        packed = sorted(path.glob("*.gguf"))
        return len(packed) == 1 and has_chat_template(packed[0])
    return isinstance(facts, dict) and bool(facts.get("chat_template"))


def family_of(model: str) -> str:
    """Return the name of the adapter that opens this address, file or folder; UsageError where there is none."""
    if model.startswith(("http://", "https://")):
        return "endpoint"
    path = Path(model)
    if not path.exists():
        raise UsageError(f"--model {model}: no such file or folder; {_ALLOWED}")
    kinds = {**dict.fromkeys(ENDINGS, "table"), ".gguf": "causal_lm", ".skops": "classifier"}
    found = _family_of_folder(path) if path.is_dir() else kinds.get(path.suffix.lower())
    if found is None:
        raise UsageError(f"--model {model}: {_looks_like(path)}; {_ALLOWED}")
    return found


def _family_of_folder(path: Path) -> str | None:
    facts = _facts(path)
    if facts.get("family") in _TEMPLATES:
        return str(facts["family"])
    names = [facts.get("_class_name"), *(facts.get("architectures") or [])]
    return next((_CLASSES[end] for name in names for end in _CLASSES if str(name).endswith(end)), None)


def _facts(path: Path) -> dict[str, Any]:
    """Return what a folder says of itself; nothing where it says nothing."""
    for name in ("model_index.json", "config.json"):
        try:
            facts = json.loads((path / name).read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(facts, dict):
            return facts
    return {}


def _looks_like(path: Path) -> str:
    if not path.is_dir():
        return f"no model is opened from a {path.suffix or 'file without ending'}"
    facts = _facts(path)
    got = facts.get("_class_name") or facts.get("architectures") or facts.get("model_type")
    return f"holds {got}, which is none that is known" if got else "has no config.json that says what it is"
