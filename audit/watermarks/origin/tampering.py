"""Which bytes of a signed file may be changed without a reader noticing: one bit of a byte turned, the file read again.

    passes    the file reads as it did, Trusted or Valid
    caught    it reads Invalid, without a manifest, or not at all

What passes is told by region (`containers`): a chunk's checksum, a box's label, padding that nothing signs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from audit.errors import UsageError
from audit.watermarks.origin.parser import Parser
from audit.watermarks.origin.reading import media_type, read_origin
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit.watermarks.origin.regions import Regions

__all__ = ["ByteMap", "RegionRow", "byte_map"]

_AT_ONCE = 250
"""Changes that a child tries in one job."""


@immutable
class RegionRow:
    """What became of the changes in one region, or in all regions of one kind."""

    name: str
    kind: str
    size: int
    """Bytes of it."""
    tried: int
    passed: int


@immutable
class ByteMap:
    """What became of every change that was tried."""

    state: str
    """What the file reads unchanged."""
    regions: Regions
    positions: NDArray[np.int64]
    """Bytes that were changed, ascending, [change]."""
    states: tuple[str, ...]
    """What was read then: a state, `none`, `refused` or `crashed`, [change]."""

    @property
    def passed(self) -> NDArray[np.bool_]:
        """Whether each change went unnoticed, [change]."""
        import numpy as np

        return np.array([one == self.state for one in self.states], dtype=bool)

    def rows(self, *, by_kind: bool = False) -> list[RegionRow]:
        """Return what came of it by region, in the order of the file, or by kind of region."""
        import numpy as np

        names = self.regions.kinds if by_kind else self.regions.names
        group = _numbered(names)[self.regions.of]
        at = group[self.positions]
        first = np.empty(len(names), np.int64)
        first[group[::-1]] = np.arange(len(group))[::-1]  # of a group's places the one that is written last
        size, tried, passed = (np.bincount(one, minlength=len(names)) for one in (group, at, at[self.passed]))
        there = np.flatnonzero(size)
        return [
            RegionRow(names[one], self.regions.kinds[one], int(size[one]), int(tried[one]), int(passed[one]))
            for one in there[np.argsort(first[there])].tolist()
        ]


def _numbered(names: Sequence[str]) -> NDArray[np.int32]:
    """Return the place where each name stands first, [name]."""
    import numpy as np

    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, at) for at, name in enumerate(names)], np.int32)


def byte_map(
    data: bytes, parser: Parser, *, most: int | None = None, bits: int = 1, rng: np.random.Generator | None = None,
    name: str = "",
) -> ByteMap:
    """Return what becomes of a change of every byte, or of at most `most` in each kind of region, drawn by `rng`.

    bits: which bits of the byte turn, 1 to 255. Raises UsageError for a file that is not whole and signed to begin
    with.
    """
    import numpy as np

    from audit.watermarks.origin.regions import regions

    origin = read_origin(data, parser, name)
    if origin.state not in ("Trusted", "Valid"):
        raise UsageError(
            "{name}: reads {state}; allowed: a signed file that is whole", name=name or "file",
            state=origin.problem or origin.state,
        )
    found = regions(data)
    places = np.arange(len(data)) if most is None else np.array([*_drawn(found, most, rng)], dtype=np.int64)
    kind = media_type(data, name)
    states = [
        state
        for start in range(0, len(places), _AT_ONCE)
        for state in _tried(data, kind, parser, places[start : start + _AT_ONCE].tolist(), bits)
    ]
    return ByteMap(str(origin.state), found, places, tuple(states))


def _drawn(found: Regions, most: int, rng: np.random.Generator | None) -> list[int]:
    """Return places ascending, at most `most` of each kind of region."""
    import numpy as np

    rng = np.random.default_rng(0) if rng is None else rng
    kinds = _numbered(found.kinds)[found.of]
    drawn: list[int] = []
    for kind in sorted(set(found.kinds)):
        there = np.flatnonzero(kinds == found.kinds.index(kind))
        drawn += there.tolist() if len(there) <= most else rng.choice(there, most, replace=False).tolist()
    return sorted(drawn)


def _tried(data: bytes, kind: str, parser: Parser, places: Sequence[int], bits: int) -> Iterator[str]:
    """Yield what is read after each change; a change on which the child ends is found by halving."""
    answer = parser.ask({"do": "flip", "type": kind, "flips": [(at, bits) for at in places]}, data)
    if answer.problem is None:
        yield from answer.told["states"]
    elif len(places) == 1:
        yield "crashed"
    else:
        half = len(places) // 2
        yield from _tried(data, kind, parser, places[:half], bits)
        yield from _tried(data, kind, parser, places[half:], bits)

