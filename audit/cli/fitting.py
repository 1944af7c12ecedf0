"""The command `fit`: models of the user's own data, from a fit plan."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.cli.options import AsJson, Quiet
from audit.errors import clean

if TYPE_CHECKING:
    from audit.trainer import Look

__all__ = ["fit"]

_ENDED = {"steps": "all steps", "patience": "no better for a while", "time": "time is up"}


def fit(
    plan: Annotated[Path, typer.Argument(help="Fit plan (YAML).")],
    into: Annotated[Path, typer.Option("--into", help="Folder that holds the models.")] = Path("models"),
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train models on data of your own; the same command again goes on where it ended."""
    from audit.fit import FitCallbacks, fit_models, load_fit_plan

    read = load_fit_plan(plan)
    told = _Told(show=not (quiet or as_json))
    watch = FitCallbacks(on_parts=told.parts, on_start=told.start, on_look=told.look, on_done=told.done)
    try:
        fitted = fit_models(read, into, watch)
    except KeyboardInterrupt:
        print("\ninterrupted; whole models are kept, and the same command goes on from there", file=sys.stderr)
        raise
    print(json.dumps(fitted) if as_json else f"{len(read.trainers)} models in {into}")


class _Told:
    """What the terminal shows: looks on stderr, a line a model on stdout."""

    def __init__(self, *, show: bool) -> None:
        self._show, self._unit, self._trained = show, "", set[str]()

    def parts(self, counts: Mapping[str, int]) -> None:
        print(", ".join(f"{name} {count:,}" for name, count in counts.items()), file=sys.stderr, flush=True)

    def start(self, name: str) -> None:
        self._trained.add(name)

    def look(self, name: str, look: Look) -> None:
        line = f"{name}: step {look.step:,}, loss {look.train:.4g}, held-out {look.validation:.4g}"
        terminal = sys.stderr.isatty()
        print(f"\r{line}\x1b[K" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)

    def done(self, name: str, line: Mapping[str, Any]) -> None:
        if sys.stderr.isatty() and name in self._trained:
            print("\r\x1b[K", end="", file=sys.stderr)
        if self._show:
            print(clean(_line(name, line, again=name not in self._trained)), flush=True)


def _line(name: str, line: Mapping[str, Any], *, again: bool) -> str:
    """Return `vae: vae, held-out 31.2 nats per image at step 650; ended by step 950 of ...`."""
    loss = "" if line["loss"] is None else f", held-out {line['loss']:.4g} {line['unit']} at step {line['best']:,}"
    ended = "there already" if again else f"{_ENDED[line['stopped']]}, {line['seconds']:,.0f} s"
    return f"{name}: {line['family']}{loss}; {ended}"
