"""From a fit plan to a folder of models, and the parts of the data that an audit of them needs.

    models/fitted.json              digest of the data, size of each part, what each model reached, and its seconds
    models/parts/<part>.parquet     the items of every part, under their ids
    models/<name>/                  what the adapter opens, with
        card.json                   how it was trained: data, parts, options, the held-out loss on the way
        learnt.txt                  digests of the items that training has seen, so that an audit can refuse them

A model's folder is written beside its place and then given its name, so what a kill leaves is never taken for whole.
The same command goes on where it ended; data that are others, or parted otherwise, want another folder.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit import plugins
from audit.errors import DataError, UsageError
from audit.files import (
    arrow_table,
    canonical,
    parquet_bytes,
    read_regular,
    sha256,
    sync_folder,
    tidy,
    worker,
    write_atomic,
)
from audit.fit.splitting import LEARNT, bounds_of, content_digests, part_of
from audit.trainer import CARD_FILE, LEARNT_FILE, Budget, Fitted, Lesson, Look
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.fit.loading import FitPlan
    from audit.fit.spec import ModelSpec
    from audit.trainer import Trainer

__all__ = ["FitCallbacks", "fit_models"]

FITTED, PARTS = "fitted.json", "parts"
_MOST = 64 << 20
"""Bytes of a card or of `fitted.json`."""


def _nothing(*_: object) -> None:
    pass


@immutable
class FitCallbacks:
    """Who is told what, while models are trained."""

    on_parts: Callable[[Mapping[str, int]], None] = _nothing
    """Part -> items."""
    on_start: Callable[[str], None] = _nothing
    """Name of a model whose training begins."""
    on_look: Callable[[str, Look], None] = _nothing
    on_done: Callable[[str, Mapping[str, Any]], None] = _nothing
    """Name of a model and its line in `fitted.json`; of one that was there before too."""


def fit_models(plan: FitPlan, into: Path, watch: FitCallbacks = FitCallbacks()) -> dict[str, Any]:
    """Train what is not there yet, and return what `fitted.json` says.

    Raises DataError for data that cannot be parted or learnt from, UsageError where `into` holds something else.
    """
    import pandas as pd

    identity = plan.identity()
    fitted = _opened(into, identity)
    items = pd.concat(plan.data.batches(plan.role, limit=plan.spec.limit))
    parts = part_of(items, plan.spec.split.model_dump(), plan.spec.leave_out, plan.spec.seed)
    fitted |= {"parts": _write_parts(into / PARTS, items, parts), "left_out": plan.spec.leave_out}
    _tell(into, fitted)
    watch.on_parts(fitted["parts"])
    bench = _Workbench(plan, into, items, parts, watch)
    for place, (spec, trainer) in enumerate(zip(plan.spec.models, plan.trainers, strict=True)):
        fitted["models"][spec.name] = line = bench.model(spec, trainer, place, fitted["models"].get(spec.name))
        _tell(into, fitted)
        watch.on_done(spec.name, line)
    return fitted


def _opened(into: Path, identity: str) -> dict[str, Any]:
    """Return what `fitted.json` in a folder says, or how it begins; raises UsageError where it is another plan's."""
    if into.exists() and not into.is_dir():
        raise UsageError(f"--into {into}: there already, and no folder; name another")
    into.mkdir(parents=True, exist_ok=True)
    tidy(into)
    found = _json(into / FITTED)
    if found is None and any(into.iterdir()) and not (into / PARTS).is_dir():
        raise UsageError(f"--into {into}: holds other files; allowed: a new or empty folder, or one of `dokimasia fit`")
    if found is not None and found.get("identity") != identity:
        raise UsageError(f"--into {into}: fitted on other data, or parted otherwise; name another folder")
    return found or {"identity": identity, "models": {}}


def _tell(into: Path, fitted: Mapping[str, Any]) -> None:
    write_atomic(into / FITTED, f"{json.dumps(fitted, indent=1, ensure_ascii=False)}\n".encode())


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(read_regular(path, _MOST))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write_parts(folder: Path, items: pd.DataFrame, parts: pd.Series[Any]) -> dict[str, int]:
    """Write the items of every part and return part -> how many."""
    counts = {}
    for name in dict.fromkeys([*LEARNT, "fit", "calibration", "heldout", *parts]):
        mine = items[(parts == name).to_numpy()]
        write_atomic(folder / f"{name}.parquet", parquet_bytes(arrow_table(mine)))
        counts[str(name)] = len(mine)
    return counts


def _rounded(looks: Iterable[Look]) -> list[list[float]]:
    return [[look.step, round(look.train, 6), round(look.validation, 6)] for look in looks]


@immutable
class _Workbench:
    """What the models of one plan share."""

    plan: FitPlan
    into: Path
    items: pd.DataFrame
    parts: pd.Series[Any]
    watch: FitCallbacks
    begun: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "begun", time.monotonic())

    def model(
        self, spec: ModelSpec, trainer: Trainer, place: int, before: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        """Train one model unless it is there, and return its line; raises UsageError where another is there."""
        folder, identity = self.into / spec.name, self.plan.identity(spec)
        card = _json(folder / CARD_FILE)
        if card is not None and card.get("identity") == identity:
            return before or self._line(card, trainer, None)
        if folder.exists():
            raise UsageError(f"{folder}: there already, made by other options; remove it, or name another folder")
        self.watch.on_start(spec.name)
        start = time.monotonic()
        done = trainer.fit(self._lesson(), self._budget(spec, len(self.plan.spec.models) - place))
        card = self._card(spec, trainer, done, identity)
        self._write(folder, done.files, card)
        return self._line(card, trainer, round(time.monotonic() - start, 1))

    def _lesson(self) -> Lesson:
        train, validation = (self.items[(self.parts == name).to_numpy()] for name in LEARNT)
        return Lesson(train, validation, bounds_of(self.items), self.plan.spec.seed)

    def _budget(self, spec: ModelSpec, left: int) -> Budget:
        given = self.plan.spec
        seconds = None if given.minutes is None else (60 * given.minutes + self.begun - time.monotonic()) / left
        return Budget(
            steps=spec.steps, every=spec.every, patience=spec.patience, seconds=seconds, device=given.device,
            threads=given.threads, tell=lambda look: self.watch.on_look(spec.name, look),
        )

    def _card(self, spec: ModelSpec, trainer: Trainer, done: Fitted, identity: str) -> dict[str, Any]:
        """Return how a model was trained, without a clock: the same training gives the same folder."""
        data, ids = self.plan.data, {name: self.parts.index[self.parts == name] for name in self.parts.unique()}
        return {
            "identity": identity, "title": self.plan.spec.title, "family": trainer.makes,
            "trainer": {"use": spec.trainer["use"], **plugins.options_of(trainer)}, "seed": self.plan.spec.seed,
            "data": {"digest": data.digest(), "licence": data.licence, "cite": data.cite},
            "left_out": self.plan.spec.leave_out,
            "parts": {name: {"items": len(own), "ids": sha256(canonical(sorted(own)))} for name, own in ids.items()},
            "unit": done.unit, "steps": spec.steps, "stopped": done.stopped, "best": done.best,
            "looks": _rounded(done.looks), **({"earlier": _rounded(done.earlier)} if done.earlier else {}),
            "numerics": dict(done.numerics),
        }  # fmt: skip

    def _line(self, card: Mapping[str, Any], trainer: Trainer, seconds: float | None) -> dict[str, Any]:
        loss = next((look[2] for look in card["looks"] if look[0] == card["best"]), None)
        told = {key: card[key] for key in ("family", "unit", "stopped", "best")}
        return {**told, "loss": loss, "seconds": seconds, "opens": trainer.opens}

    def _write(self, folder: Path, files: Mapping[str, bytes], card: Mapping[str, Any]) -> None:
        if clash := sorted(files.keys() & {CARD_FILE, LEARNT_FILE}):
            raise DataError(f"{folder}: its trainer writes {clash[0]}; allowed: any other name")
        seen = self.items[self.parts.isin(LEARNT).to_numpy()]
        learnt = "".join(f"{one}\n" for one in sorted(set(content_digests(seen))))
        whole = {**files, LEARNT_FILE: learnt.encode(), CARD_FILE: f"{json.dumps(card, ensure_ascii=False)}\n".encode()}
        beside = folder.with_name(f".{folder.name}.{worker()}.tmp")
        try:
            for name, data in whole.items():
                write_atomic(beside / name, data)
            beside.rename(folder)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        sync_folder(folder.parent)
