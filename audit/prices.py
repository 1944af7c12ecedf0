"""What calls of an endpoint take and cost, and how much of it a plan allows.

    money = (input x price of input + output x price of output) / 10^6
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from detectors.immutable import immutable

__all__ = ["Budget", "Price", "Tally"]


class Tally(NamedTuple):
    """Sums over calls, or one call."""

    calls: int = 0
    counted: int = 0
    """Calls whose tokens the server told."""
    input: int = 0
    """Tokens of questions that were counted."""
    output: int = 0
    """Tokens of answers that were counted."""
    most_input: int = 0
    """Upper bound of the tokens of all other calls."""
    most_output: int = 0

    def plus(self, other: Tally) -> Tally:
        """Return the sums of both."""
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))

    def minus(self, other: Tally) -> Tally:
        """Return what is left of the sums without those of another."""
        return self.plus(other.times(-1))

    def times(self, count: int) -> Tally:
        """Return the sums over so many alike."""
        return Tally(*(count * one for one in self))

    @property
    def tokens(self) -> int:
        """Tokens that a budget is charged: those counted, and the bound of all others."""
        return self.input + self.output + self.most_input + self.most_output


@immutable
class Price:
    """What a million tokens cost; what a provider gives off for cached tokens is not known here."""

    input: float
    """A million tokens of questions."""
    output: float
    """A million tokens of answers."""
    currency: str
    """Shown behind amounts, such as USD."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if not (0 <= self.input < float("inf") and 0 <= self.output < float("inf")):
            raise ValueError(f"price {self.input:g} and {self.output:g} a million tokens; allowed: 0 and more")

    def of(self, inputs: int, outputs: int) -> float:
        """Return what so many tokens cost."""
        return (inputs * self.input + outputs * self.output) / 1e6


@immutable
class Budget:
    """What an audit may take of an endpoint, over all its attempts; absent = any."""

    calls: int | None = None
    """Calls, those included that prove who answers and what it can do."""
    tokens: int | None = None
    """Tokens of questions and answers."""
    money: float | None = None
    """In the currency of the price."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        for name in ("calls", "tokens", "money"):
            if (value := getattr(self, name)) is not None and not value > 0:
                raise ValueError(f"budget of {value:g} {name}; allowed: above 0")

    def allows(self, tally: Tally, price: Price | None, lent: Tally) -> bool:
        """Tell whether a tally takes no more than was lent, of every part that is limited."""
        pairs: list[tuple[float | None, float, float]]
        pairs = [(self.calls, tally.calls, lent.calls), (self.tokens, tally.tokens, lent.tokens)]
        if price is not None:
            pairs.append((self.money, _charged(tally, price), _charged(lent, price)))
        return all(limit is None or taken <= most for limit, taken, most in pairs)

    def beyond(self, tally: Tally, price: Price | None) -> str | None:
        """Return which part of the budget a tally is beyond; None where it is inside."""
        if self.calls is not None and tally.calls > self.calls:
            return f"{self.calls:,} calls"
        if self.tokens is not None and tally.tokens > self.tokens:
            return f"{self.tokens:,} tokens"
        if self.money is not None and price is not None and _charged(tally, price) > self.money:
            return f"{self.money:g} {price.currency}"
        return None


def _charged(tally: Tally, price: Price) -> float:
    return price.of(tally.input + tally.most_input, tally.output + tally.most_output)
