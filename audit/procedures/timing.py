"""How long single calls of a model take, on this machine at this time.

    one call not counted, then for every item: seconds of the wall clock and of the processors that one call takes

Calls are made one by one, as a user waits for them; throughput in batches is another question.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from audit.errors import ModelError
from audit.model import ABILITIES, Item
from audit.procedure import Procedure

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROCEDURE", "timing"]


def timing(
    model: Any, items: Sequence[Item], *, ability: Literal["sample", "log_prob"], seed: int, **options: Any
) -> pd.DataFrame:
    """Return a row an item: `seconds`, `cpu_seconds` (of all threads), `elements` drawn, `threads`, `load`.

    An item is the prompt of a draw, or what is evaluated. `options` go to the ability; `seed` starts the draws, which
    take as long under any other. `threads` are torch's, null where it is not loaded; `load` is the machine's mean queue
    of the last minute, before the calls. Raises ModelError where the model lacks the ability.
    """
    import pandas as pd

    if not isinstance(model, ABILITIES[ability]):
        raise ModelError(f"{model.name} cannot be timed at {ability!r}: it does not have the ability")
    call = _draw if ability == "sample" else _evaluate
    load, torch = os.getloadavg()[0], sys.modules.get("torch")
    call(model, items[0], seed, options)
    frame = pd.DataFrame([_timed(call, model, item, seed + place, options) for place, item in enumerate(items, 1)])
    return frame.assign(threads=torch.get_num_threads() if torch is not None else None, load=load)


def _draw(model: Any, prompt: str | None, seed: int, options: dict[str, Any]) -> int | None:
    """Draw once and return how many elements came."""
    elements: int | None = model.sample([prompt], seed=seed, **options)[0].elements
    return elements


def _evaluate(model: Any, item: Item, seed: int, options: dict[str, Any]) -> None:
    """Evaluate once; the seed plays no part."""
    model.log_prob([item], **options)


def _timed(
    call: Callable[[Any, Item, int, dict[str, Any]], int | None], model: Any, item: Item, seed: int,
    options: dict[str, Any],
) -> dict[str, float | None]:
    wall, cpu = time.perf_counter(), time.process_time()
    elements = call(model, item, seed, options)
    return {
        "seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu,
        "elements": None if elements is None else float(elements),
    }


PROCEDURE = Procedure(timing, random=True, private=True)
"""Which ability it needs, the option `ability` says."""
