"""p(x | z) of pixels, never in doubt.

    GreyLevels           P(x = v) = softmax(logits)_v                       v in 0, ..., V - 1
    DiscretizedLogistic  P(x = v) = F(upper edge of v) - F(lower edge)      F logistic, outer edges infinite

Both have `icdf`, so that a draw is a function of a uniform number and not of a global state.
"""

from __future__ import annotations

import torch
from torch.distributions import Categorical, Distribution, Independent, constraints

__all__ = ["DiscretizedLogistic", "GreyLevels", "nearest_level", "unit_levels"]


class GreyLevels(Independent):  # type: ignore[misc]
    """Independent categorical grey levels; an event is one image of integers."""

    def __init__(self, logits: torch.Tensor, event_dims: int = 2) -> None:
        """Take logits [item, row, column, level]; with `event_dims` 1 [item, pixel, level]."""
        super().__init__(Categorical(logits=logits, validate_args=False), event_dims, validate_args=False)

    def by_element(self, value: torch.Tensor) -> torch.Tensor:
        """Return log p of every pixel [item, row, column] of integers of that shape."""
        return self.base_dist.log_prob(value)

    def icdf(self, value: torch.Tensor) -> torch.Tensor:
        """Return the levels [item, row, column] at cumulative probabilities of the same shape."""
        below = self.base_dist.probs.cumsum(-1)[..., :-1]
        return (below <= value[..., None]).sum(-1)


class DiscretizedLogistic(Distribution):  # type: ignore[misc]
    """Independent pixels in [-1, 1] on `levels` evenly spaced values (Salimans et al. 2017, 1701.05517).

    An event is one image. A value between two levels counts as the nearer one. log_prob is in nats over the levels.
    """

    arg_constraints = {"mean": constraints.real, "scale": constraints.positive}  # noqa: RUF012

    def __init__(self, mean: torch.Tensor, scale: float, levels: int = 256) -> None:
        """Take means [item, channel, row, column] in [-1, 1] and the scale of the logistic in the same unit."""
        self.centre, self.scale, self.levels = mean, scale, levels
        super().__init__(mean.shape[:1], mean.shape[1:], validate_args=False)

    @property
    def mean(self) -> torch.Tensor:
        """Return the middle of the logistic, before it is cut into levels."""
        return self.centre

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        """Return log p [item] of images [item, channel, row, column]."""
        return self.by_element(value).flatten(1).sum(1)

    def by_element(self, value: torch.Tensor) -> torch.Tensor:
        """Return log p of every number of images [item, channel, row, column]."""
        level = nearest_level(value, self.levels)
        half = 1 / (self.levels - 1)
        above = (unit_levels(level, self.levels) + half - self.centre) / self.scale
        below = above - 2 * half / self.scale
        # log(F(a) - F(b)) = log F(a) + log F(-b) + log(1 - exp(b - a)), which never subtracts two near ones.
        inside = torch.nn.functional.logsigmoid(above) + torch.nn.functional.logsigmoid(-below)
        inside = inside + torch.log1p(-torch.exp(below - above))
        low = torch.nn.functional.logsigmoid(above)
        high = torch.nn.functional.logsigmoid(-below)
        return torch.where(level == 0, low, torch.where(level == self.levels - 1, high, inside))

    def icdf(self, value: torch.Tensor) -> torch.Tensor:
        """Return pixel values, each on a level, at cumulative probabilities of the images' shape."""
        raw = self.centre + self.scale * torch.logit(value, eps=1e-7)
        return unit_levels(nearest_level(raw, self.levels), self.levels)


def unit_levels(level: torch.Tensor, levels: int) -> torch.Tensor:
    """Return levels 0 to `levels` - 1 as evenly spaced float32 from -1 to 1."""
    return level.float() * (2 / (levels - 1)) - 1


def nearest_level(value: torch.Tensor, levels: int) -> torch.Tensor:
    """Return the level 0 to `levels` - 1 (int64) next to each value in [-1, 1]; values outside go to the ends."""
    return ((value + 1) * ((levels - 1) / 2)).round().clamp(0, levels - 1).long()
