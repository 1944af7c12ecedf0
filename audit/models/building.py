"""Building networks that a file describes: shapes first, without memory, and never more modules than a model has."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from torch.nn.modules import module

from audit.errors import ModelError

__all__ = ["counted"]

MOST_MODULES = 200_000

for name in ("torch.utils._pytree", "torchao"):
    logging.getLogger(name).setLevel(logging.ERROR)
"""transformers imports torchao wherever it is installed, though nothing is quantised; torch then warns of how torchao
registers classes of its own, and torchao of kernels for other machines, which no reader of ours can change."""


@contextmanager
def counted(place: object) -> Iterator[None]:
    """Raise ModelError as soon as more modules are built inside than any model has, whatever setting asks for them."""
    built = count(1)

    def one_more(*_: Any) -> None:
        if next(built) > MOST_MODULES:
            raise ModelError(f"{place}: asks for more than {MOST_MODULES:,} modules; allowed: that many")

    hook = module.register_module_module_registration_hook(one_more)
    try:
        yield
    finally:
        hook.remove()
