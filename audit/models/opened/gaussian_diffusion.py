"""Gaussian diffusion as arithmetic on any denoiser: times, draws and the variational bound.

    x_t = alpha_t x_0 + sigma_t eps,    lambda_t = log(alpha_t^2 / sigma_t^2) falling in t from 0 to 1

For times t_0 < ... < t_n = 1 the ancestral sampler is a latent variable model with (Kingma et al. 2021, 2107.00630)

    log p(x) >= - KL(q(x_1 | x) || N(0, I)) + E log p(x | x_{t_0})
                - 1/2 sum_i E (exp(lambda_{i-1} - lambda_i) - 1) |eps - eps_hat(x_{t_i}, t_i)|^2
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from audit.model import CanDenoise

__all__ = ["diffusion_terms", "draw", "time_grid", "vp_schedule"]

_FIRST, _LOWEST, _HIGHEST = 0.003, 0.1, 12.0
"""Where our schedule's time begins, and its rate of noise at the ends (variance preserving, linear rate)."""

_DETAIL = 0.07
"""About the spread that is left to a number of x_0 once the rest is known; a wrong one costs steadiness, no more."""


def vp_schedule(t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (alpha, sigma) at t in [0, 1]: alpha^2 + sigma^2 = 1, sigma from 0.02 to 0.999 (Song et al. 2021)."""
    u = _FIRST + (1 - _FIRST) * t
    log_alpha = -0.25 * u**2 * (_HIGHEST - _LOWEST) - 0.5 * u * _LOWEST
    return log_alpha.exp(), (-torch.expm1(2 * log_alpha)).sqrt()


def time_grid(model: CanDenoise, steps: int, finest: float = 0.0) -> torch.Tensor:
    """Return `steps` + 1 rising times to 1, about evenly spaced in log-SNR, float32 on the processor.

    The first is 0, or where sigma / alpha comes to `finest`, if that is later.
    """
    fine = np.linspace(0, 1, 2001)
    falling = _log_snr(*model.schedule(torch.from_numpy(fine).float())).cpu().numpy()
    first = min(falling[0], -2 * np.log(finest)) if finest else falling[0]
    wanted = np.linspace(first, falling[-1], steps + 1)
    return torch.from_numpy(np.interp(-wanted, -falling, fine)).float()


def _log_snr(alpha: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    return 2 * (alpha.double().log() - sigma.double().log())


def diffusion_terms(
    model: CanDenoise, x: torch.Tensor, steps: int, noise: torch.Tensor, finest: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return (nats of the bound without its decoder term, of each number of x, x_{t_0}, sigma and alpha there, [2]).

    x [item, ...]; noise [steps + 1, ...] is shared by all items, or given for each, [steps + 1, item, ...]. Nats are
    float64. Of each error a part of |eps|^2 - D is taken off, which is 0 on average: it steadies the level of the
    bound, and moves all items alike.
    """
    times = time_grid(model, steps, finest).to(x.device)
    alpha, sigma = (part.to(x.device) for part in model.schedule(times))
    weight = torch.expm1(-_log_snr(alpha, sigma).diff()) / 2
    share = (alpha * _DETAIL) ** 2 / ((alpha * _DETAIL) ** 2 + sigma**2)
    last_a, last_s = alpha[-1].double(), sigma[-1].double()
    nats = -0.5 * (last_s**2 + (last_a * x.double()) ** 2 - 1 - 2 * last_s.log())
    for i in range(1, steps + 1):
        guess = model.denoise(alpha[i] * x + sigma[i] * noise[i], times[i].expand(len(x)))
        error = (noise[i] - guess).double() ** 2 - share[i] * (noise[i].double() ** 2 - 1)
        nats = nats - weight[i - 1] * error
    return nats, alpha[0] * x + sigma[0] * noise[0], torch.stack([sigma[0], alpha[0]])


def draw(
    model: CanDenoise, noise: torch.Tensor, steps: int, eta: float, limit: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Return x_{t_0} / alpha_{t_0} [item, ...]: draws by DDIM (Song et al. 2021, 2010.02502).

    noise [item, steps + 1, ...]: the start, then one for each step; eta 0 is deterministic after the start, 1 the
    ancestral sampler of the bound. `limit` keeps a guess of x_0 where data can be.
    """
    times = time_grid(model, steps).to(noise.device)
    alpha, sigma = (part.to(noise.device) for part in model.schedule(times))
    x = noise[:, 0]
    for i in range(steps, 0, -1):
        a, s, b, r = alpha[i], sigma[i], alpha[i - 1], sigma[i - 1]
        guess = limit((x - s * model.denoise(x, times[i].expand(len(x)))) / a)
        spread = eta * (r / s) * (1 - (a / b) ** 2).clamp(min=0).sqrt()
        x = b * guess + (r**2 - spread**2).clamp(min=0).sqrt() * (x - a * guess) / s + spread * noise[:, i]
    return x / alpha[0]
