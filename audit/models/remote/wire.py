"""What goes to an OpenAI-compatible server and what comes back, as plain functions on JSON values.

    raw    POST /completions        {prompt}                 choices[0].text
    chat   POST /chat/completions   {messages}               choices[0].message.content
    echo   POST /completions        {prompt, echo, logprobs} choices[0].logprobs: tokens, token_logprobs, text_offset

An answer is hostile input: whatever does not have the expected shape is a WireError with one line, never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np

from audit.model import Sample
from detectors.immutable import immutable

__all__ = ["Elsewhere", "Question", "WireError", "draw", "read_echo", "read_origin", "read_sample", "score"]

_MANY = 1 << 40
"""No honest count of tokens or characters reaches this."""
T_co = TypeVar("T_co", covariant=True)


class WireError(ValueError):
    """An answer that does not have the shape it should."""


@immutable
class Elsewhere(Generic[T_co]):
    """What an answer gives the address of, in place of itself."""

    url: str
    """As the answer has it: whole, or below the server's."""
    read: Callable[[bytes], T_co]
    """Takes what lies there; raises WireError."""


@immutable
class Question(Generic[T_co]):
    """A request and how to read its answer."""

    path: str
    """Below the base address."""
    body: Mapping[str, Any]
    read: Callable[[Mapping[str, Any]], T_co | Elsewhere[T_co]]
    """Takes the answer's JSON object; raises WireError."""


def draw(
    name: str, prompt: str, *, form: str, system: str | None, seed: int, sampling: Mapping[str, Any]
) -> Question[Sample]:
    """Return the question for one draw after `prompt`; in chat form the prompt is the user's turn after `system`."""
    if form == "raw":
        return Question("/completions", {"model": name, "prompt": prompt, "seed": seed, **sampling}, read_sample)
    turns = [{"role": "system", "content": system}] if system is not None else []
    turns.append({"role": "user", "content": prompt})
    return Question("/chat/completions", {"model": name, "messages": turns, "seed": seed, **sampling}, read_sample)


def score(name: str, text: str, start: int = 0) -> Question[float]:
    """Return the question for log p of what stands in `text` beyond character `start`.

    One token is drawn besides, since several servers refuse to draw none; at temperature 1, so that a server which
    reports probabilities after scaling them reports the model's own.
    """
    body = {"model": name, "prompt": text, "max_tokens": 1, "temperature": 1, "echo": True, "logprobs": 1}
    return Question("/completions", body, partial(read_echo, text=text, start=start))


def read_sample(answer: Mapping[str, Any]) -> Sample:
    """Return the draw in the answer of either form; WireError where it holds no text."""
    choice = _choice(answer)
    message, usage = choice.get("message"), answer.get("usage")
    content = _text(message.get("content") if isinstance(message, dict) else choice.get("text"))
    reason = choice.get("finish_reason") or "stop"
    if reason not in ("stop", "length"):
        return Sample("", "error", None, f"withheld by the server ({ascii(reason)[:40]})")
    if content is None:
        raise WireError("answer without text")
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return Sample(content, reason, tokens if type(tokens) is int and 0 <= tokens < _MANY else None)


def read_origin(answer: Mapping[str, Any]) -> tuple[str, str | None, str | None]:
    """Return (text, model name, system fingerprint) of the answer of either form, the latter two as far as told."""
    return read_sample(answer).content, _text(answer.get("model")), _text(answer.get("system_fingerprint"))


def read_echo(answer: Mapping[str, Any], text: str, start: int = 0) -> float:
    """Return log p in nats: the sum over the tokens of `text` that end beyond character `start`, each given all before.

    The very first token has no condition and is null on the wire: it is left out. WireError where the tokens do not
    spell `text`, one lacks its log-probability, or none is left to sum.
    """
    tokens, values, offsets = _token_columns(answer)
    lead = next((k for k in (0, 1) if _spell(tokens[k:], offsets[k:], text)), None)  # 1: a start token before the text
    if lead is None:
        raise WireError("the tokens in the answer do not spell the text")
    places = offsets[lead:] - offsets[lead]
    inside = places[places < len(text)]
    # Tokens that share a character share its offset, so a token ends at the next greater one.
    edges = np.append(np.unique(inside), len(text))
    scored = lead + np.flatnonzero(edges[np.searchsorted(edges, inside, side="right")] > start)
    terms = [values[i] for i in scored if i > 0 or values[i] is not None]
    if not terms:
        raise WireError("no token of the text has a log-probability")
    for term in terms:
        if type(term) not in (int, float) or not -1e6 < term < 1e-3:
            raise WireError(f"a token has {ascii(term)[:40]} for its log-probability")
    return math.fsum(terms)


def _token_columns(answer: Mapping[str, Any]) -> tuple[list[str], list[Any], np.ndarray]:
    """Return (tokens, log-probabilities as sent, character offsets), all of one length."""
    told = _choice(answer).get("logprobs")
    columns = [told.get(key) for key in ("tokens", "token_logprobs", "text_offset")] if isinstance(told, dict) else []
    lists = [column for column in columns if isinstance(column, list)]
    if len(lists) != 3:
        raise WireError("answer without tokens, token_logprobs and text_offset")
    tokens, values, offsets = lists
    if not len(tokens) == len(values) == len(offsets) > 0:
        raise WireError(f"answer with {len(tokens)} tokens, {len(values)} log-probabilities and {len(offsets)} offsets")
    if not all(type(t) is str and type(o) is int and 0 <= o < _MANY for t, o in zip(tokens, offsets, strict=True)):
        raise WireError("answer with tokens that are no text or offsets that are no numbers")
    return tokens, values, np.array(offsets)


def _spell(tokens: list[str], offsets: np.ndarray, text: str) -> bool:
    """Tell whether the tokens, from the first on, cover `text` where their offsets say; parts of characters pass."""
    if not tokens or np.any(np.diff(offsets) < 0):
        return False
    places = offsets - offsets[0]
    inside = int(np.searchsorted(places, len(text)))
    reach = np.maximum.accumulate(places + [len(token) for token in tokens])[:inside]
    covered = inside > 0 and reach[-1] >= len(text) and bool(np.all(reach[:-1] >= places[1:inside]))
    return covered and all("\ufffd" in tokens[i] or text.startswith(tokens[i], int(places[i])) for i in range(inside))


def _text(value: Any) -> str | None:
    """Return a string, `?` for half characters, which JSON can escape but no file can hold; None where it is none."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _choice(answer: Mapping[str, Any]) -> dict[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise WireError(f"answer with {len(choices) if isinstance(choices, list) else 'no'} choices, not one")
    return choices[0]
