"""Trains the models of our own: `python -m audit.reference.train twins ...` or `... verifier ...`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence

from audit.errors import DokimasiaError, UsageError, did_you_mean

__all__ = ["PARTS", "main"]

PARTS: Mapping[str, str] = {
    "twins": "audit.reference.training.train", "verifier": "audit.reference.training.verifier",
}  # fmt: skip
"""What can be trained -> the module whose `main` does it."""


def main(arguments: Sequence[str]) -> None:
    """Train the part that the first argument names, with the others as its options; raises UsageError for another."""
    if not arguments or arguments[0] not in PARTS:
        raise UsageError(f"train: got {' '.join(arguments[:1]) or 'nothing'}{did_you_mean('', PARTS)}")
    importlib.import_module(PARTS[arguments[0]]).main(arguments[1:])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except DokimasiaError as error:
        print(f"train: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
