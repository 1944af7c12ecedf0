"""What audits of marks in sounds and in videos have in common: files are decoded, marked, attacked, read under keys."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from audit.errors import DataError, UsageError
from audit.probe import Ask, Observed
from audit.probes.provenance.mark_probe import MarkProbe
from audit.probes.provenance.named import attacks_named, mark_and_key, names_of
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.watermarks.keys import MarkKey
    from detectors.provenance.image.bits import Evidence

__all__ = ["FileMarkProbe", "FileReading", "MarkReader", "Medium", "number_or_none"]

_READ = ("p_value", "right_bits", "other_p_values")
_ATTACKED = ("kinds", "strengths", "lengths", "altered", "p_values")


class Medium(Protocol):
    """What files of one kind are decoded to, and what is done with that."""

    what: ClassVar[str]
    """Such as `sounds`."""
    size: ClassVar[str]
    """Column that tells how long one is."""
    costs: ClassVar[Sequence[str]]
    """Columns that tell what a mark costs."""

    def attacks(self) -> tuple[Mapping[str, Sequence[float]], Mapping[str, tuple[float, float]]]:
        """Return the built-in attacks with their strengths, and the least and greatest strength of each."""

    def decoded(self, data: bytes, name: str) -> Any:
        """Return what a file holds; raises DataError for what is none."""

    def length(self, one: Any) -> float:
        """Return how long it is."""

    def read(self, mark: Any, one: Any, keys: Sequence[bytes]) -> list[Evidence]:
        """Return what each key reads in it."""

    def marked(self, mark: Any, one: Any, key: bytes) -> Any:
        """Return it with the mark; raises UsageError."""

    def attacked(self, kind: str, one: Any, strength: float, rng: np.random.Generator) -> tuple[Any, bool]:
        """Return it after an attack, and whether that changed anything."""

    def quality(self, original: Any, one: Any) -> dict[str, float | None]:
        """Return what the mark costs."""


@immutable
class MarkReader:
    """Reads what files hold under a key, and under others that are drawn for each file."""

    medium: Medium
    mark: Any
    key: bytes
    others: int
    """Keys that were not put in, for each file."""

    def read(self, one: Any, name: str) -> list[Evidence]:
        """Return what the key, and then each other key of the file of this id, reads."""
        return self.medium.read(self.mark, one, [self.key, *self.other_keys(name)])

    def clean(self, cell: Any, name: str) -> dict[str, Any]:
        """Return what is read in a file without the mark; nothing in one that cannot be read."""
        one, _ = self.decoded(cell, name)
        if one is None:
            return {"p_value": None, "other_p_values": None}
        own, *others = self.read(one, name)
        return {"p_value": own.p_value, "other_p_values": [other.p_value for other in others]}

    def decoded(self, cell: Any, name: str) -> tuple[Any, str | None]:
        """Return what the file in a cell holds, or why there is nothing."""
        from audit.probes.provenance.files import decoded

        try:
            return self.medium.decoded(decoded(cell), name), None
        except DataError as error:
            return None, str(error)

    def marked(self, name: str, one: Any, original: Any, attacks: Sequence[tuple[str, float]]) -> dict[str, Any]:
        """Return what is judged of a file with the mark."""
        own, *others = self.read(one, name)
        row: dict[str, Any] = {
            self.medium.size: self.medium.length(one), "p_value": own.p_value,
            "right_bits": number_or_none(own.right_bits), "other_p_values": [other.p_value for other in others],
        }
        if original is not None:
            row |= self.medium.quality(original, one)
            row["plain_p_value"] = self.medium.read(self.mark, original, [self.key])[0].p_value
        return row if not attacks else row | self._attacked(name, one, own, attacks)

    def _attacked(
        self, name: str, one: Any, own: Evidence, attacks: Sequence[tuple[str, float]]
    ) -> dict[str, list[Any]]:
        from detectors.distortions import generator_of

        altered, p_values = [False], [own.p_value]
        for kind, strength in attacks:
            rng = generator_of(f"{name} {kind} {strength:g}")
            changed, differs = self.medium.attacked(kind, one, strength, rng)
            altered.append(differs)
            p_values.append(self.medium.read(self.mark, changed, [self.key])[0].p_value)
        return {
            "kinds": ["none", *(kind for kind, _ in attacks)], "strengths": [0.0, *(one for _, one in attacks)],
            "lengths": [0] * len(altered), "altered": altered, "p_values": p_values,
        }  # fmt: skip

    def other_keys(self, name: str) -> list[bytes]:
        """Return the keys that were not put in under which the file of this id is read."""
        told = (f"{name} {number}".encode() for number in range(self.others))
        return [hashlib.sha256(b"another key than " + self.key + b"\0" + one).digest() for one in told]


def number_or_none(value: float) -> float | None:
    """Return a number, None for NaN."""
    return None if math.isnan(value) else value


class FileMarkProbe(MarkProbe, ABC):
    """A probe of marks in files of one medium; `attacks` and the fields of `MarkProbe` are among its own."""

    attacks: Sequence[str]

    @property
    @abstractmethod
    def medium(self) -> Medium:
        """What the files hold."""

    @property
    def puts_in(self) -> bool:
        """Whether the audit puts the mark in itself."""
        return bool(getattr(self, self.medium.what) == "marked")

    @property
    def attacked(self) -> list[tuple[str, float]]:
        """Kind and strength of each attack."""
        return attacks_named(self.attacks, *self.medium.attacks())

    @property
    def needs(self) -> frozenset[str]:
        """Nothing of the audited model: this is an audit of what it made."""
        return frozenset()

    def estimate(self, items: int) -> int:
        """Return 0: no model is called."""
        return 0

    def informed(self, before: Observed) -> FileReading:
        """Return what reads the items, told what originals there are."""
        originals = before.get("originals")
        return FileReading(
            self, None if originals is None else dict(zip(names_of(originals), originals["file"], strict=True))
        )

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return originals as they are; of the others what is read under the keys. Raises LibraryError."""
        import pandas as pd

        if role == "originals":
            return items
        if role == "items":
            return FileReading(self, None).observe(ask, items, role)
        reader = self.reader()[1]
        found = [reader.clean(cell, str(name)) for name, cell in items["file"].items()]
        return items.drop(columns="file").join(pd.DataFrame(found, items.index, dtype=object))

    def reader(self) -> tuple[MarkKey, MarkReader]:
        """Return the key and what reads under it; raises UsageError."""
        mark, known = mark_and_key(self.kind, self._named, self.key, self.key_file)
        return known, MarkReader(self.medium, mark, known.secret, self.other_keys)


@immutable
class FileReading:
    """Reads the items beside what was given with them."""

    probe: FileMarkProbe
    originals: Mapping[str, Any] | None
    """Name, or id, of an original -> the file."""

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return of each item what is read in its file, and `problem`, why there is nothing. Raises LibraryError.

        What is read is kept in place of the key, of which `key` says what may be told.
        """
        import pandas as pd

        known, reader = self.probe.reader()
        told = " ".join(known.told.values()) if self.probe.key_file else known.variant
        names, attacks, rows = names_of(items), self.probe.attacked, []
        for at, name, cell in zip(items.index, names, items["file"], strict=True):
            marked, original, problem = self._pair(cell, name, reader)
            read = {} if marked is None else reader.marked(str(at), marked, original, attacks)
            rows.append({"problem": problem, "key": told, **read})
        found = pd.DataFrame(rows, items.index, columns=self._columns, dtype=object)
        kept = [name for name in ("name", "unit") if name in items]
        return items[kept].join(found.where(found.notna(), None))

    @property
    def _columns(self) -> list[str]:
        """Return what is told of an item, the same in every shard."""
        medium = self.probe.medium
        paired = [*medium.costs, "plain_p_value"] if self.originals is not None or self.probe.puts_in else []
        return ["problem", "key", medium.size, *_READ, *paired, *(_ATTACKED if self.probe.attacks else ())]

    def _pair(self, cell: Any, name: str, reader: MarkReader) -> tuple[Any, Any, str | None]:
        """Return (what the marked file holds, the original, problem) of an item."""
        one, problem = reader.decoded(cell, name)
        if one is not None and self.probe.puts_in:
            try:
                return reader.medium.marked(reader.mark, one, reader.key), one, None
            except UsageError as error:
                return None, one, str(error)
        if one is None or self.originals is None or name not in self.originals:
            return one, None, problem
        return one, reader.decoded(self.originals[name], name)[0], problem
