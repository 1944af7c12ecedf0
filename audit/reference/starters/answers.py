"""What `init --for rag`, `uncertainty`, `recognition` and `sources` write: a language model, and data of a known kind.

    dokimasia init plan.yaml --for rag --model ./my-model --data questions.jsonl && dokimasia run plan.yaml

    rag           questions with passages: `prompt` (or `question`), `reference`, `context` (passages) and `gold` (ids
                  or places of those that tell); without data our own
    uncertainty   questions with right answers: `prompt` (or `question`), `reference`; without data our own. Or answers
                  made elsewhere, without a model: `answer`, what is known of how sure it is, and `label` or `reference`
    recognition   answers that people labelled: `answer`, `label`, and `prompt`; or a file of HaluEval
    sources       questions with their sources: `prompt` (or `question`), `context`; `gold`, ids or places of those that
                  tell, and `answer`, made elsewhere, where there are any; without data our own
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Literal, get_args

from audit.data import ENDINGS, column_names
from audit.errors import UsageError
from audit.reference.plans import find_language_model
from audit.reference.starters import family_of, has_chat_template, seen_from
from detectors.immutable import immutable

__all__ = ["ANSWERS", "Purpose", "answers_plan"]

Purpose = Literal["rag", "uncertainty", "recognition", "sources"]
ANSWERS: tuple[Purpose, ...] = get_args(Purpose)
"""What `init --for` calls them."""
_CHAT_TEMPLATE = "{prompt} Answer with the name or the number alone."
_CHAT_PROMPT = (
    "Question: {prompt}\nAnswer: {answer}\nDoes the answer contain anything false, or anything that cannot be known? "
    "Say Yes or No."
)


@immutable
class _Kind:
    """What a purpose needs."""

    wanted: tuple[str, ...]
    """Columns of the data, beside the prompt."""
    own: str
    """Data where none are given."""
    tables: bool = False
    """Whether outputs in a table will do for the model."""


_KINDS: dict[str, _Kind] = {
    "rag": _Kind(("reference", "context", "gold"), "{use: builtin, name: rag_questions}", tables=True),
    "uncertainty": _Kind(("reference",), "{use: builtin, name: plain_questions}"),
    "sources": _Kind(("context",), "{use: builtin, name: rag_questions}"),
    "recognition": _Kind(
        ("answer", "label"), "{use: file, path: ./answers.csv}   # columns prompt, answer, label (1 = right)"
    ),
}
_SURE = (
    ({"samples", "log_probs"}, "cocoa_msp"), ({"samples"}, "dissimilarity_to_samples"),
    ({"log_probs"}, "sequence_nll"), ({"confidence"}, "verbalised"),
)  # fmt: skip
"""Columns that say how sure an answer is, and the score that is made of them."""


def answers_plan(purpose: Purpose, model: str | None, data: str | None, *, base: Path = Path()) -> str:
    """Return the text of a plan for `model`, or else the installed language model, that shall lie in `base`.

    data: a file as described above; None = our own questions, and for `recognition` a file still to be named. Raises
    UsageError for a model that cannot be asked, and for a file without the columns.
    """
    kind = _KINDS[purpose]
    scored = None if purpose != "uncertainty" or model or data is None else _score_of(Path(data))
    template = (Path(__file__).parent / f"{purpose}.yaml").read_text("utf-8")
    told = {"DATA": kind.own if data is None else _data(Path(data), base, purpose, answered=scored is not None)}
    if scored is not None:
        told["PROBE"] = f"answers: file, score: {scored}"
        template = template.replace("model: MODEL\n", "")
    else:
        told["MODEL"], family, chat = _model(model, kind, base)
        given = purpose == "sources" and data is not None and "answer" in column_names(Path(data))
        told["PROBE"] = _PROBES[purpose](family, chat) if purpose in _PROBES else ", answers: given" if given else ""
    return re.sub("MODEL|DATA|PROBE", lambda found: told[found[0]], template)


def _model(model: str | None, kind: _Kind, base: Path) -> tuple[str, str, bool]:
    """Return the model's entry, its family, and whether it is asked in turns."""
    path = str(find_language_model() or "./model") if model is None else model
    family, there = ("causal_lm", path) if model is None else (family_of(model), seen_from(base, model))
    quoted = json.dumps(there, ensure_ascii=False)
    if family == "endpoint":
        entry = f"{{use: endpoint, url: {quoted}, name: our-model}}   # key_env: MODEL_KEY where it wants a key"
        return entry, family, True
    if family == "table" and kind.tables:
        return f"{{use: table, path: {quoted}, prompt: prompt, output: output}}", family, False
    if family != "causal_lm":
        outputs = ", or its outputs" if kind.tables else ""
        raise UsageError(f"--model {model}: opens as {family}; allowed: a language model, an address{outputs}")
    chat = has_chat_template(Path(path))
    form = ", prompt_form: chat" if chat else ""
    return f"{{use: causal_lm, path: {quoted}, dtype: float32{form}}}", family, chat


def _uncertain(family: str, chat: bool) -> str:
    """Return the options: behind an address only what it writes is certain to be had."""
    score = "score: dissimilarity_to_samples" if family == "endpoint" else "score: cocoa_msp"
    return score + (f", template: {json.dumps(_CHAT_TEMPLATE)}" if chat else "")


def _recognising(family: str, chat: bool) -> str:
    mode = "mode: generate" if family == "endpoint" else "mode: likelihood"
    return mode + (f", prompt: {json.dumps(_CHAT_PROMPT)}" if chat else "")


_PROBES = {"uncertainty": _uncertain, "recognition": _recognising}


def _score_of(path: Path) -> str | None:
    """Return the score for answers made elsewhere that are known to be right or wrong, by their columns; else None."""
    if not path.is_file() or path.suffix.lower() not in ENDINGS:
        return None
    columns = set(column_names(path))
    known = bool({"label", "reference"} & columns)
    return next((score for wanted, score in _SURE if known and {"answer", *wanted} <= columns), None)


def _data(path: Path, base: Path, purpose: Purpose, *, answered: bool) -> str:
    """Return the data's entry."""
    where = json.dumps(os.path.relpath(path, base), ensure_ascii=False)
    if purpose == "recognition" and path.is_file() and path.suffix.lower() == ".json":
        return f"{{use: halueval, path: {where}}}"
    wanted = _KINDS[purpose].wanted
    allowed = f"allowed: CSV, JSON lines or Parquet with the columns prompt, {', '.join(wanted)}"
    if not path.is_file() or path.suffix.lower() not in ENDINGS:
        got = f"ends in {path.suffix!r}" if path.is_file() else "no such file"
        raise UsageError(f"--data {path}: {got}; {allowed}")
    columns = column_names(path)
    asked = next((one for one in ("prompt", "question") if one in columns), None)
    missing = [one for one in (asked or "prompt", *wanted) if one not in columns]
    if missing and not answered:
        raise UsageError(f"--data {path}: has no column {missing[0]!r}; {allowed}")
    fields = ", fields: {prompt: question}" if asked == "question" else ""
    ids = ", id: id" if "id" in columns else ""
    return f"{{use: file, path: {where}{fields}{ids}}}"
