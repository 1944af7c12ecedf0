"""A model that draws images behind an OpenAI-compatible address (`/images/generations`).

    model: {use: image_endpoint, url: "http://127.0.0.1:8000/v1", name: our-model, key_env: IMAGE_KEY}

Images come inside the answer, as base64, or by an address on the same server; on another, where `follow` names it:

    follow: [images.example.org]

Its weights are not ours, so its fingerprint is unverifiable; one that draws the same image for the same seed is known
again by a fixed prompt's image.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar

from audit.files import canonical, sha256
from audit.models.remote.addresses import check_host, check_url
from audit.prices import Budget, Price
from detectors.immutable import immutable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit.ask import Account
    from audit.models.remote.pictures import RemoteImages

__all__ = ["ImageEndpoint"]

_RESERVED = frozenset({"model", "prompt", "n", "seed", "stream"})
"""Keys of a request that the adapter sets itself."""


@immutable
class ImageEndpoint:
    """Options of a remote image model; ValueError where one cannot hold."""

    url: str
    """Base address, e.g. `http://127.0.0.1:8000/v1`; http or https, never with a key inside."""
    name: str
    """The model's name on that server."""
    key_env: str | None = None
    """Environment variable that holds the key; the key itself is never written anywhere."""
    seeded: bool = True
    """Whether a request carries a seed; some servers refuse the very word."""
    sampling: dict[str, Any] = field(default_factory=dict)
    """Further parameters of every request, e.g. `{size: 512x512, steps: 30}`. Null leaves one out, as in
    `{response_format: null}`, which is `b64_json` where nothing else is said."""
    follow: tuple[str, ...] = ()
    """Further hosts, `host` or `host:port`, from which an image that an answer gives the address of is fetched; by
    https where `url` is."""
    concurrency: int = 2
    """Calls in flight at once."""
    timeout: float = 180.0
    """Seconds that one image may take, repeated attempts and pauses included, a server's restart too."""
    retries: int = 5
    """Attempts after the first, where the server is busy or the line breaks; one that answered before and refuses
    connections is tried until `timeout`."""
    requests_per_minute: float | None = None
    """Most calls a minute, retries included, over all threads; waiting for one's turn is no part of `timeout`."""
    price: Price | None = None
    """What a million tokens cost, where the server tells how many an image took, for the amount in run.json."""
    budget: Budget | None = None
    """What an audit may take of it over all attempts, `{calls: 500}`; of tokens and money no image has a bound."""

    family: ClassVar[str] = "image_endpoint"
    modality: ClassVar[str] = "image"

    def __post_init__(self) -> None:
        check_url(self.url)
        for host in self.follow:
            check_host(host)
        if taken := sorted(_RESERVED & self.sampling.keys()):
            raise ValueError(f"sampling sets {', '.join(taken)}, which the adapter sets itself")
        for option, least in (("concurrency", 1), ("timeout", 0.001), ("retries", 0)):
            if getattr(self, option) < least:
                raise ValueError(f"{option} {getattr(self, option)!r}; allowed: {least} and more")
        if self.requests_per_minute is not None and not 0 < self.requests_per_minute < float("inf"):
            raise ValueError(f"requests_per_minute {self.requests_per_minute:g}; allowed: above 0")
        if self.budget is not None and (self.budget.tokens is not None or self.budget.money is not None):
            raise ValueError("budget of tokens or money for images, of which none has a bound; allowed: calls")

    @property
    def fixed_calls(self) -> tuple[int, int]:
        """How many images a run asks for besides its checks' own: at least, and at most."""
        return (4, 4) if self.seeded else (1, 1)

    def fingerprint(self) -> str:
        """Return the digest of what was asked for; it says nothing of the weights that answer."""
        asked = [self.url.rstrip("/"), self.name, self.seeded, self.sampling]
        return f"{sha256(canonical(asked))} (unverifiable)"

    def find_keys(self) -> None:
        """Raise UsageError where the variable that `key_env` names holds no key."""
        from audit.models.remote.secret import key_from

        key_from(self.key_env)

    def open(self, account: Account | None = None, proven: Mapping[str, str] | None = None) -> RemoteImages:
        """Ask the server for an image; `account` takes down what that and all else takes.

        proven: what it lacks, as `RemoteImages.proven` said; it is not asked then.

        Raises EndpointError where it sends none, UsageError where a key is missing, BudgetError.
        """
        from audit.models.remote.meter import Terms
        from audit.models.remote.pictures import RemoteImages
        from audit.models.remote.secret import key_from
        from audit.models.remote.transport import Transport

        transport = Transport(
            self.url.rstrip("/"), key_from(self.key_env), key_name=self.key_env or "key_env, which is not set",
            concurrency=self.concurrency, timeout=self.timeout, retries=self.retries, follow=self.follow,
            account=account, terms=Terms(self.requests_per_minute, price=self.price, budget=self.budget),
        )
        try:
            return RemoteImages(
                self.name, self.fingerprint(), transport, self.sampling, seeded=self.seeded, proven=proven
            )
        except BaseException:
            transport.close()
            raise
