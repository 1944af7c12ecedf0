"""Do sounds carry the mark of a key, what takes it out, whom does it accuse, and what does it cost?

    sounds given    the items carry the mark, as its maker claims        data: items, originals, unmarked
    sounds marked   the audit puts the mark into the items itself: what it would do

The items are files of outputs (`{use: files, path: ./outputs}`), `unmarked` recordings of people, for instance. The
mark is one of `dokimasia.audio_marks`. One that is missing says nothing of who made a sound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import DataError, UsageError
from audit.probe import COUNT, SHARE, Ask, Observed, Range, Role
from audit.probes.provenance.mark_probe import MarkProbe
from audit.probes.provenance.named import attacks_named, mark_and_key, names_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from audit.probes.provenance.audio_reading import SoundReader
    from audit.watermarks.audio.files import Sound
    from audit.watermarks.keys import MarkKey
    from detectors.result import Result

__all__ = ["MarkedSounds"]

_FILE = "bytes of a sound file in base64, as the source `files` gives them"
_UNIT = "independent unit, e.g. the voice or the piece; absent = every sound is its own"
_NAME = "file name, by which originals go with marked sounds; absent = they go by id"
_ALWAYS = ("problem", "key", "sound_seconds", "p_value", "right_bits", "other_p_values")
_PAIRED = ("snr", "segmental_snr", "plain_p_value")
_ATTACKED = ("kinds", "strengths", "lengths", "altered", "p_values")


@dataclass(frozen=True)
class MarkedSounds(MarkProbe):
    """Share of sounds that carry a keyed mark, after attacks too, beside false alarms and what it costs."""

    sounds: Literal["given", "marked"] = "given"
    """Whose sounds: `given` carry the mark, `marked` the audit puts it into."""
    mark: Mapping[str, Any] = field(default_factory=dict, metadata={"part": "audio_marks"})
    """The mark: its name at `use`, its options beside it; absent = `audio-spread`."""
    key: str = "dokimasia"
    """The key, which stands in the record. `0x` before it: hexadecimal digits."""
    key_file: Path | None = None
    """Key file of a mark (`dokimasia mark key`), where it is secret: items hold its id, variant and commitment."""
    alpha: float = 1e-6
    """A sound is found where its p-value is at most this."""
    attacks: Sequence[str] = ()
    """Attacks that sounds are read after, such as `mp3 at 64`; `all` stands for the built-in ones."""
    other_keys: int = 1
    """Keys that were not put in under which each sound is read: how far false alarms can be counted."""
    promise_power: float = 0.95
    """Share of the sounds that shall be found after every attack."""
    promise_alpha: float = 1e-6
    """P-value at which they shall be found."""

    kind: ClassVar[str] = "audio_marks"
    usual: ClassVar[str] = "audio-spread"
    name: ClassVar[str] = "provenance.audio_mark"
    dimension: ClassVar[str] = "provenance"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role({"file": _FILE, "name": _NAME, "unit": _UNIT}, optional=frozenset({"name", "unit"})),
        "originals": Role({"file": f"{_FILE}, before it was marked", "name": _NAME}, optional=frozenset({"name"}),
                          required=False),
        "unmarked": Role({"file": f"{_FILE}, known to be without the mark", "unit": _UNIT},
                         optional=frozenset({"unit"}), required=False),
    }  # fmt: skip
    measures: ClassVar[Mapping[str, Range]] = {
        "detection_rate": SHARE, "worst_power_under_attack": SHARE, "false_positive_rate": SHARE,
        "own_false_positive_rate": SHARE, "other_key_rate": SHARE, "snr": Range("dB"),
        "segmental_snr": Range("dB", -10, 35), "cells_below_promise": COUNT, "not_tested": COUNT,
        "power_under_attack": SHARE,
    }

    def __post_init__(self) -> None:
        """Refuse options that could find nothing."""
        self._refuse()
        _ = self.attacked

    @property
    def attacked(self) -> list[tuple[str, float]]:
        """Kind and strength of each attack."""
        from detectors.provenance.audio.attacks import ATTACKS, STRENGTHS

        return attacks_named(self.attacks, ATTACKS, STRENGTHS)

    @property
    def needs(self) -> frozenset[str]:
        """Nothing of the audited model: this is an audit of what it made."""
        return frozenset()

    def estimate(self, items: int) -> int:
        """Return 0: no model is called."""
        return 0

    def informed(self, before: Observed) -> _Reading:
        """Return what reads the items, told what originals there are."""
        originals = before.get("originals")
        return _Reading(
            self, None if originals is None else dict(zip(names_of(originals), originals["file"], strict=True))
        )

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return originals as they are; of the others what is read under the keys. Raises LibraryError."""
        import pandas as pd

        if role == "originals":
            return items
        if role == "items":
            return _Reading(self, None).observe(ask, items, role)
        reader = self.reader()[1]
        found = [self._clean(reader, str(name), cell) for name, cell in items["file"].items()]
        return items.drop(columns="file").join(pd.DataFrame(found, items.index, dtype=object))

    @staticmethod
    def _clean(reader: SoundReader, name: str, cell: Any) -> dict[str, Any]:
        """Return what is read in a sound without the mark; nothing in one that cannot be read."""
        sound, _ = _decoded(cell, name)
        if sound is None:
            return {"p_value": None, "other_p_values": None}
        own, *others = reader.read(sound.samples, sound.rate, name)
        return {"p_value": own.p_value, "other_p_values": [one.p_value for one in others]}

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.provenance.audio.detection`."""
        from detectors.provenance.audio.detection import audio_mark_detection

        return self._judged(audio_mark_detection, observed, level, rng)

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return sounds that hold a mark by a hair, or do not; see `audit.probes.provenance.audio_mark_trials`."""
        from audit.probes.provenance.audio_mark_trials import audio_mark_trials

        return audio_mark_trials(self, rng)

    def reader(self) -> tuple[MarkKey, SoundReader]:
        """Return the key and what reads under it; raises UsageError."""
        from audit.probes.provenance.audio_reading import SoundReader

        mark, known = mark_and_key("audio_marks", self._named, self.key, self.key_file)
        return known, SoundReader(mark, known.secret, self.other_keys)


@dataclass(frozen=True)
class _Reading:
    """Reads the items beside what was given with them."""

    probe: MarkedSounds
    originals: Mapping[str, Any] | None
    """Name, or id, of an original -> the file."""

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return of each item what is read in its sound, and `problem`, why there is none. Raises LibraryError.

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
        paired = self.originals is not None or self.probe.sounds == "marked"
        return [*_ALWAYS, *(_PAIRED if paired else ()), *(_ATTACKED if self.probe.attacks else ())]

    def _pair(self, cell: Any, name: str, reader: SoundReader) -> tuple[Sound | None, Sound | None, str | None]:
        """Return (marked sound, original, problem) of an item."""
        sound, problem = _decoded(cell, name)
        if sound is not None and self.probe.sounds == "marked":
            try:
                return reader.put_in(sound), sound, None
            except UsageError as error:
                return None, sound, str(error)
        if sound is None or self.originals is None or name not in self.originals:
            return sound, None, problem
        return sound, _decoded(self.originals[name], name)[0], problem


def _decoded(cell: Any, name: str) -> tuple[Sound | None, str | None]:
    """Return the sound in a cell, or why there is none."""
    import io

    from audit.probes.provenance.files import decoded
    from audit.watermarks.audio.files import sound_of

    try:
        return sound_of(io.BytesIO(decoded(cell)), name), None
    except DataError as error:
        return None, str(error)
