"""Models that answer over the wire, and the proof of what they can do.

    RemoteText        CanSample             every endpoint that draws
    ScoredRemoteText  CanSample, CanScore   one that also returns the log-probabilities of a given text (echo)

Entropy, variance and rank need the whole vocabulary at every step, which no endpoint sends: there is no CanTrace.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np

from audit.ask import Account
from audit.errors import EndpointError, ModelError
from audit.model import Continuation, Item, LikelihoodKind, Sample, abilities_of
from audit.models.remote.change import MORE, ROUNDS, Round, facts_of, has_changed, shown
from audit.models.remote.transport import Failure, Transport
from audit.models.remote.wire import Question, draw, read_origin, score
from audit.numbering import draw_seed, numbers_of
from detectors.immutable import immutable
from detectors.phrases import Cause

__all__ = ["RemoteText", "ScoredRemoteText", "Served", "detect_abilities", "fixed_calls", "of_abilities"]

_DEFAULTS: dict[str, Any] = {"max_tokens": 64, "temperature": 0, "top_p": 1}
_CANARIES = (
    "The capital of France is",
    "One, two, three, four,",
    "Water freezes at zero degrees",
    "def add(a, b):\n    return a +",
    "The opposite of hot is",
    "Monday, Tuesday, Wednesday,",
    "대한민국의 수도는",
    "The first president of the United States was",
    "2 + 2 =",
    "Roses are red, violets are",
)
"""Fixed prompts whose greedy answers show whether the same model still answers."""
_PROOF = "The quick brown fox jumps over the lazy dog."
_NO_SEED = Cause("the same seed gave two different draws")
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@immutable
class Served:
    """What a server is asked for, and in which form."""

    name: str
    """The model's name on that server."""
    fingerprint: str
    prompt_form: Literal["raw", "chat"]
    system: str | None
    """System turn before every prompt."""
    sampling: Mapping[str, Any]
    """Defaults of a draw; those that are None are in no request."""


class RemoteText:
    """Draws text from an endpoint.

    `missing` tells, ability by ability, why the endpoint lacks it; under `seed`, that equal seeds gave different draws.
    `left_out` names the parameters that no request carries, as the plan sets them to null. `fixed_calls` counts what
    was asked to prove abilities and to see who answers.
    """

    family = "endpoint"
    modality = "text"

    def __init__(self, served: Served, transport: Transport, missing: Mapping[str, str]) -> None:
        self.name, self.fingerprint = served.name, served.fingerprint
        self.missing = dict(missing)
        self.left_out = sorted(key for key, value in served.sampling.items() if value is None)
        self.fixed_calls = 0
        self._served, self._transport = served, transport

    def sample(
        self, prompts: Sequence[str | None], *, seed: int, numbers: Sequence[int] | None = None,
        each: Callable[[int, Sample], None] | None = None, **sampling: Any,
    ) -> list[Sample]:
        """Return one draw per prompt, in order; an item without an answer has finish `error`.

        Every draw has a seed of its own, from prompt and number, so equal prompts give different draws. `each` is
        handed (position, draw) at once, in the thread that talks to the server. Raises EndpointError where nothing is
        answered at all, ModelError for a draw without prompt in chat form.
        """
        if self._served.prompt_form == "chat" and None in prompts:
            raise ModelError(f"{self.name}: a draw without prompt in chat form; allowed: prompt_form: raw")
        numbered = zip(prompts, numbers_of(prompts) if numbers is None else numbers, strict=True)
        questions = [self._draw(prompt or "", draw_seed(seed, prompt, number), sampling) for prompt, number in numbered]
        draws = self._ask(questions, control=self._draw(_CANARIES[0], 0, sampling), each=each)
        return [Sample("", "error", None, one.problem) if isinstance(one, Failure) else one for one in draws]

    def identity(self) -> dict[str, Any]:
        """Return what must not change: abilities, names the server answers under, greedy answers to fixed prompts.

        Each is asked twice; where the answers differ, all of them are among the facts.
        """
        return {"abilities": sorted(abilities_of(self)), **facts_of(self._shows(ROUNDS))}

    def still(self, before: Mapping[str, Any]) -> bool:
        """Tell whether the model answers that showed these facts, with at most 1 % false alarms (`change`)."""
        return before.get("abilities") == sorted(abilities_of(self)) and not has_changed(shown(before), self._shows)

    @property
    def proven(self) -> dict[str, str]:
        """What the server was found to lack, for who opens the same endpoint again."""
        return dict(self.missing)

    @property
    def account(self) -> Account:
        """What the server took so far."""
        return self._transport.account

    def close(self) -> None:
        """Close the connections; a second call does nothing."""
        self._transport.close()

    def _why_unscored(self) -> Cause | None:
        """Return why the server does not score a given text; None where it just did."""
        self.fixed_calls += 1
        (nats,) = self._transport.ask([self._score(_PROOF)])
        if isinstance(nats, Failure):
            return Cause(
                "the server does not return a prompt's log-probabilities when asked to (echo): {problem}",
                problem=nats.problem,
            )
        return Cause("the server calls every token of a prompt certain (log-probability 0)") if nats == 0 else None

    def _score(self, text: str, start: int = 0) -> Question[float]:
        asked = score(self.name, text, start)
        return Question(asked.path, self._carried(asked.body), asked.read)

    def _repeats(self) -> bool:
        """Tell whether one seed gives one draw; EndpointError where it gives none."""
        first, second = self._certain([self._draw(_CANARIES[0], 0, {"max_tokens": 16, "temperature": 1})] * 2)
        return bool(first.content == second.content)

    def _shows(self, rounds: int) -> list[Round]:
        """Return the answers to the fixed prompts, asked so often."""
        greedy = [self._draw(prompt, 0, {"max_tokens": 8, "temperature": 0}) for prompt in _CANARIES] * rounds
        origins = self._certain([Question(one.path, one.body, read_origin) for one in greedy])
        return [origins[k : k + len(_CANARIES)] for k in range(0, len(origins), len(_CANARIES))]

    def _draw(self, prompt: str, seed: int, sampling: Mapping[str, Any]) -> Question[Sample]:
        served = self._served
        merged = self._carried({**_DEFAULTS, **served.sampling, **sampling})
        return draw(served.name, prompt, form=served.prompt_form, system=served.system, seed=seed, sampling=merged)

    def _carried(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a request carries: a null of the plan wins, as the server may refuse the very name."""
        return {key: value for key, value in settings.items() if value is not None and key not in self.left_out}

    def _certain(self, questions: Sequence[Question[_T]]) -> list[_T]:
        """Return every answer; EndpointError where one is lacking."""
        self.fixed_calls += len(questions)
        answers = self._transport.ask(questions)
        if failed := next((one for one in answers if isinstance(one, Failure)), None):
            raise EndpointError(f"{self._transport.url}: no answer to a fixed prompt: {failed.problem}")
        return [one for one in answers if not isinstance(one, Failure)]

    def _ask(
        self, questions: Sequence[Question[_T]], *, control: Question[_T], each: Callable[[int, _T], None] | None
    ) -> list[_T | Failure]:
        """Return every answer or its Failure; where all failed, only `control` tells bad items from a dead server."""
        answers = self._transport.ask(questions, each)
        failures = [one for one in answers if isinstance(one, Failure)]
        if failures:
            if len(failures) == len(answers):
                self._certain([control])
            problem = failures[0].problem
            _log.warning("%s: %d of %d items without answer: %s", self.name, len(failures), len(answers), problem)
        return answers


class ScoredRemoteText(RemoteText):
    """An endpoint that also evaluates given text."""

    def log_prob(
        self, items: Sequence[Item], *, each: Callable[[int, float], None] | None = None
    ) -> tuple[np.ndarray, LikelihoodKind]:
        """Return (nats [item], "exact": of the model as it is served); NaN where the server did not score the item.

        Of a `Continuation` the tokens that reach beyond the prompt count, one that straddles the border with them; a
        first token without condition is left out. `each` as in `sample`. Raises EndpointError where nothing is
        answered at all.
        """
        wholes = [item if isinstance(item, Continuation) else Continuation("", item) for item in items]
        questions = [self._score(item.prompt + item.text, len(item.prompt)) for item in wholes]
        nats = self._ask(questions, control=self._score(_PROOF), each=each)
        return np.array([np.nan if isinstance(one, Failure) else one for one in nats]), "exact"


def detect_abilities(served: Served, transport: Transport, lacks: Mapping[str, str]) -> RemoteText:
    """Return a model of the class that has just the abilities shown; EndpointError where nothing can be drawn.

    lacks: ability -> why the model cannot have it, as is known before it is asked.
    """
    plain = RemoteText(served, transport, lacks)
    if not plain._repeats():
        plain.missing["seed"] = _NO_SEED
    if "log_prob" in plain.missing:
        return plain
    unscored = plain._why_unscored()
    if unscored is not None:
        plain.missing["log_prob"] = unscored
    found = of_abilities(served, transport, plain.missing)
    found.fixed_calls = plain.fixed_calls
    return found


def of_abilities(served: Served, transport: Transport, missing: Mapping[str, str]) -> RemoteText:
    """Return a model of the class that lacks these abilities, and has all others."""
    return (RemoteText if "log_prob" in missing else ScoredRemoteText)(served, transport, missing)


def fixed_calls(*, scored: bool) -> tuple[int, int]:
    """Return how many questions a whole run asks to learn what the model can do and who it is: at least, at most.

    Where earlier audits of the same content saw other answers to the fixed prompts, a comparison with each model that
    answered in them comes on top.
    scored: whether it tries if given text is scored.
    """
    least = 2 + scored + (ROUNDS + 1) * len(_CANARIES)
    return least, least + MORE * len(_CANARIES)
