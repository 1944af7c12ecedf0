"""What `init --for rag` writes: a plan that asks a language model or endpoint about passages.

    dokimasia init plan.yaml --for rag --model ./my-model --data questions.jsonl && dokimasia run plan.yaml

A line of the data is a question (`prompt` or `question`), its right answers (`reference`), `context`, a list of
passages, and `gold`, the ids or places of those that tell. Without data it is our own questions that are asked.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from audit.data import ENDINGS, column_names
from audit.errors import UsageError
from audit.reference.plans import find_language_model
from audit.reference.starters import family_of, has_chat_template

__all__ = ["rag_plan"]

_WANTED = ("reference", "context", "gold")
_ALLOWED = "allowed: CSV, JSON lines or Parquet with the columns prompt, reference, context and gold"
_OWN = "{use: builtin, name: rag_questions}"


def rag_plan(model: str | None, data: str | None, *, base: Path = Path()) -> str:
    """Return the text of a plan for `model`, or else the installed language model, that shall lie in `base`.

    data: a file of questions with passages; None = our own. Raises UsageError for a model that writes no text, and for
    a file without the columns.
    """
    told = {"MODEL": _model(model), "DATA": _OWN if data is None else _data(Path(data), base)}
    text = (Path(__file__).parent / "rag.yaml").read_text("utf-8")
    return re.sub("MODEL|DATA", lambda found: told[found[0]], text)


def _model(model: str | None) -> str:
    path = str(find_language_model() or "./model") if model is None else model
    family, quoted = "causal_lm" if model is None else family_of(model), json.dumps(path, ensure_ascii=False)
    if family == "endpoint":
        return f"{{use: endpoint, url: {quoted}, name: our-model}}   # key_env: MODEL_KEY where it wants a key"
    if family == "table":
        return f"{{use: table, path: {quoted}, prompt: prompt, output: output}}"
    if family != "causal_lm":
        raise UsageError(f"--model {model}: opens as {family}; allowed: a language model, an address, or its outputs")
    chat = ", prompt_form: chat" if has_chat_template(Path(path)) else ""
    return f"{{use: causal_lm, path: {quoted}, dtype: float32{chat}}}"


def _data(path: Path, base: Path) -> str:
    if not path.is_file() or path.suffix.lower() not in ENDINGS:
        got = f"ends in {path.suffix!r}" if path.is_file() else "no such file"
        raise UsageError(f"--data {path}: {got}; {_ALLOWED}")
    columns = column_names(path)
    asked = next((one for one in ("prompt", "question") if one in columns), None)
    if missing := [one for one in (asked or "prompt", *_WANTED) if one not in columns]:
        raise UsageError(f"--data {path}: has no column {missing[0]!r}; {_ALLOWED}")
    fields = ", fields: {prompt: question}" if asked == "question" else ""
    ids = ", id: id" if "id" in columns else ""
    return f"{{use: file, path: {json.dumps(os.path.relpath(path, base), ensure_ascii=False)}{fields}{ids}}}"
