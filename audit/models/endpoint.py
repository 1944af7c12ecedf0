"""A language model behind an OpenAI-compatible address: what it can do is proved by asking, never read off its name.

    model: {use: endpoint, url: "http://127.0.0.1:8000/v1", name: our-model, key_env: MODEL_KEY}

Its weights are not ours, so its fingerprint is unverifiable; `identity` shows who answers each time it is asked.

    requests_per_minute: 500
    price: {input: 0.15, output: 0.6, currency: USD}       a million tokens
    budget: {calls: 5000, tokens: 2000000, money: 1.5}     the run stops before it takes more; a larger one goes on

These say how it is asked and not what, like `concurrency` and `timeout`: they are in neither fingerprint nor frozen
plan, so that an audit keeps its id and its record, whatever it may cost.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.models.remote.addresses import check_url
from audit.prices import Budget, Price
from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit.ask import Account
    from audit.models.remote.text import RemoteText

__all__ = ["OpenAIEndpoint"]

_RESERVED = frozenset(
    {"model", "prompt", "messages", "n", "best_of", "echo", "logprobs", "top_logprobs", "seed", "stream"}
)
"""Keys of a request that the adapter sets itself."""
_NO_TRACE = Cause(
    "an endpoint does not send the whole vocabulary's probabilities, which entropy, variance and rank need"
)
_NO_CHAT_SCORE = Cause("a server does not tell its chat template, so in chat form no given text can be scored")


@immutable
class OpenAIEndpoint:
    """Options of a remote model; ValueError where one cannot hold."""

    url: str
    """Base address, e.g. `http://127.0.0.1:8000/v1`; http or https, never with a key inside."""
    name: str
    """The model's name on that server."""
    key_env: str | None = None
    """Environment variable that holds the key; the key itself is never written anywhere."""
    system: str | None = None
    """System turn before every prompt (chat form)."""
    prompt_form: Literal["raw", "chat"] = "chat"
    """`chat`: the prompt is the user's turn; `raw`: the model continues the prompt."""
    sampling: dict[str, Any] = field(default_factory=dict)
    """Further or other defaults of a draw, e.g. `{temperature: 0}`; a question's own options come first. Null leaves a
    parameter out of every request, e.g. `{temperature: null, max_tokens: null, max_completion_tokens: 20}`."""
    concurrency: int = 4
    """Calls in flight at once."""
    timeout: float = 60.0
    """Seconds that one item may take, repeated attempts and pauses included, a server's restart too."""
    retries: int = 5
    """Attempts after the first, where the server is busy or the line breaks. A server that answered before and refuses
    connections is tried until `timeout`, however many attempts that takes, so that a restart costs nothing."""
    requests_per_minute: float | None = None
    """Most calls a minute, retries included, over all threads; waiting for one's turn is no part of `timeout`."""
    tokens_per_minute: float | None = None
    """Most tokens a minute, of questions and answers; a call counts with its bound until its answer tells."""
    price: Price | None = None
    """What a million tokens cost, `{input: 0.15, output: 0.6, currency: USD}`, for the amount in run.json."""
    budget: Budget | None = None
    """What an audit may take of it over all attempts, `{calls: 5000, tokens: 2000000, money: 1.5}`, each may lack."""

    family: ClassVar[str] = "endpoint"
    modality: ClassVar[str] = "text"

    def __post_init__(self) -> None:
        check_url(self.url)
        if self.prompt_form not in ("raw", "chat"):
            raise ValueError(f"prompt_form {self.prompt_form!r}; allowed: raw, chat")
        if self.system is not None and self.prompt_form == "raw":
            raise ValueError("system is a turn of a chat; it cannot stand with prompt_form: raw")
        if taken := sorted(_RESERVED & self.sampling.keys()):
            raise ValueError(f"sampling sets {', '.join(taken)}, which the adapter sets itself")
        for option, least in (("concurrency", 1), ("timeout", 0.001), ("retries", 0)):
            if getattr(self, option) < least:
                raise ValueError(f"{option} {getattr(self, option)!r}; allowed: {least} and more")
        for option in ("requests_per_minute", "tokens_per_minute"):
            if (value := getattr(self, option)) is not None and not 0 < value < float("inf"):
                raise ValueError(f"{option} {value:g}; allowed: above 0")
        self._check_budget()

    def _check_budget(self) -> None:
        """Raise ValueError for a budget that could not be kept."""
        if self.budget is None:
            return
        if self.budget.money is not None and self.price is None:
            raise ValueError("budget of money without a price; allowed: price {input: .., output: .., currency: ..}")
        lengths = {key: self.sampling[key] for key in ("max_tokens", "max_completion_tokens") if key in self.sampling}
        endless = lengths.get("max_tokens", 0) is None and lengths.get("max_completion_tokens") is None
        if endless and (self.budget.tokens is not None or self.budget.money is not None):
            allowed = "max_completion_tokens in sampling"
            raise ValueError(f"budget of tokens or money, and answers of any length; allowed: {allowed}")

    @property
    def lacks(self) -> dict[str, str]:
        """Abilities that the model will not have, as is known before it is asked, with the reasons."""
        return {"trace": _NO_TRACE, **({"log_prob": _NO_CHAT_SCORE} if self.prompt_form == "chat" else {})}

    @property
    def fixed_calls(self) -> tuple[int, int]:
        """How many questions a run asks besides its checks' own: at least, and at most, where answers vary."""
        from audit.models.remote.text import fixed_calls

        return fixed_calls(scored="log_prob" not in self.lacks)

    def fingerprint(self) -> str:
        """Return the digest of what was asked for; it says nothing of the weights that answer."""
        asked = [self.url.rstrip("/"), self.name, self.prompt_form, self.system, self.sampling]
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        return f"sha256:{digest} (unverifiable)"

    def find_keys(self) -> None:
        """Raise UsageError where the variable that `key_env` names holds no key."""
        from audit.models.remote.secret import key_from

        key_from(self.key_env)

    def open(self, account: Account | None = None, proven: Mapping[str, str] | None = None) -> RemoteText:
        """Ask the server what it can do; `account` takes down what that and all else takes.

        proven: what it lacks, as `RemoteText.proven` said; it is not asked then.

        Raises EndpointError where it does not answer, UsageError where a key is missing, BudgetError.
        """
        from audit.models.remote.meter import Terms
        from audit.models.remote.secret import key_from
        from audit.models.remote.text import Served, detect_abilities, of_abilities
        from audit.models.remote.transport import Transport

        transport = Transport(
            self.url.rstrip("/"), key_from(self.key_env), key_name=self.key_env or "key_env, which is not set",
            concurrency=self.concurrency, timeout=self.timeout, retries=self.retries, account=account,
            terms=Terms(self.requests_per_minute, self.tokens_per_minute, self.price, self.budget),
        )
        try:
            served = Served(self.name, self.fingerprint(), self.prompt_form, self.system, self.sampling)
            if proven is not None:
                return of_abilities(served, transport, proven)
            return detect_abilities(served, transport, self.lacks)
        except BaseException:
            transport.close()
            raise
