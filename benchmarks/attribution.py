"""ContextCite's weights for the same masks and log p, ours and those of its authors, and what both cost.

    pip install --no-deps --target PEER context-cite==0.0.4
    PYTHONPATH=PEER python benchmarks/attribution.py             half a minute

Theirs is scikit-learn's Lasso at its usual tolerance on masks in 32 bits, ours coordinate descent to 1e-10 for many
questions at once, so that weights agree to that tolerance. Beside both stands scikit-learn at 1e-12. Of the peer only
the solver is read, as the rest wants spaCy and NLTK; where it is absent it is said, and its arithmetic is done here by
scikit-learn. Then: how often the planted source of sums of
sources with noise comes first, by method.
"""

from __future__ import annotations

import runpy
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from detectors.transparency.masks import Scored, bits_of, draw, every_mask, without_each
from detectors.transparency.methods import ALPHA, attribute, contextcite, logit, masks_of

QUESTIONS, TOKENS = 40, 12
SIZES = ((5, 32), (8, 64), (20, 64))
"""Sources of a question, and masks that it is fitted to."""


def questions(sources: int, fitted: int, rng: np.random.Generator) -> list[Scored]:
    """Return questions driven by one source, a little by others and by a pair, with noise in every mask."""
    made = []
    for number in range(QUESTIONS):
        drawn = draw(sources, fitted, 16, 16, np.random.default_rng([number, sources]))
        adds = np.concatenate([[6.0], rng.normal(0, 1, sources - 1)])
        asked = {"1" * sources, "0" * sources, *without_each(sources), *drawn.held_out, *drawn.fitted}
        asked |= {*every_mask(sources)} if sources <= 8 else {*masks_of("shapley", sources, drawn)}
        bits = bits_of(sorted(asked))
        nats = bits @ adds - 2 * bits[:, 1] * bits[:, 2] + rng.normal(0, 0.5, len(bits)) - 40
        made.append(Scored(sources, TOKENS, dict(zip(sorted(asked), np.minimum(nats, -0.1), strict=True)), drawn))
    return made


def by_scikit_learn(masks: Any, outputs: Any, tokens: int, tol: float = 1e-12) -> Any:
    """Return the weights of the published recipe."""
    from sklearn.linear_model import Lasso
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(masks)
    solver = Lasso(alpha=ALPHA, tol=tol, max_iter=100_000).fit(scaler.transform(masks), outputs / tokens)
    return solver.coef_ / scaler.scale_ * tokens


def peer() -> tuple[str, Callable[..., Any]]:
    """Return the authors' solver, or their arithmetic."""
    package = find_spec("context_cite")
    if package is None or package.submodule_search_locations is None:
        print("context-cite: absent; its arithmetic by scikit-learn at 1e-4 stands for it")
        return "scikit-learn at 1e-4", lambda *given: by_scikit_learn(*given, tol=1e-4)
    read = runpy.run_path(str(Path(package.submodule_search_locations[0]) / "solver.py"))
    solver = read["LassoRegression"](ALPHA)
    return "context-cite", lambda *given: solver.fit(*given)[0]


def main() -> None:
    """Print differences of weights and the ratio of CPU seconds, then who finds the planted source."""
    name, fit = peer()
    for sources, fitted in SIZES:
        made = questions(sources, fitted, np.random.default_rng(sources))
        given = [
            (bits_of(one.drawn.fitted).astype(bool), logit(one.nats(one.drawn.fitted)), one.tokens) for one in made
        ]
        contextcite(made), [fit(*one) for one in given[:2]]
        start = time.process_time()
        ours = [one.weights for one in contextcite(made)]
        middle = time.process_time()
        theirs = [fit(*one) for one in given]
        spent = (middle - start, time.process_time() - middle)
        exact = [by_scikit_learn(one[0].astype(float), *one[1:]) for one in given]
        gaps = [max(float(np.abs(a - b).max()) for a, b in zip(one, exact, strict=True)) for one in (ours, theirs)]
        print(
            f"{sources} sources, {fitted} masks, {QUESTIONS} questions: from scikit-learn at 1e-12 ours lie "
            f"{gaps[0]:.1e}, {name}'s {gaps[1]:.1e} away; CPU {spent[1] / spent[0]:.1f} times ours"
        )
        first = {
            method: np.mean([one.order[0] == 0 for one in attribute(method, made)])
            for method in ("contextcite", "leave_one_out", "shapley")
        }
        print("  the driving source first:", ", ".join(f"{method} {share:.0%}" for method, share in first.items()))


if __name__ == "__main__":
    main()
