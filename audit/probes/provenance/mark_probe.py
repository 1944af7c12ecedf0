"""What the questions about marks in files have in common: keys, options, the judge, and controls that try it alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from audit.probe import Observed
from audit.probes.provenance.named import mark_and_key, remarks_on

if TYPE_CHECKING:
    import numpy as np

    from detectors.result import Result

__all__ = ["MarkProbe"]

_PLANTED = 60


class MarkProbe:
    """A probe of one kind of marks. Its fields, of which these are some, are those of the dataclass that it is."""

    kind: ClassVar[str]
    """Group of the marks, such as `audio_marks`."""
    usual: ClassVar[str]
    """The mark where a plan names none."""
    mark: Mapping[str, Any]
    key: str
    key_file: Path | None
    alpha: float
    other_keys: int
    promise_power: float
    promise_alpha: float

    def _refuse(self, *more: tuple[str, bool, str]) -> None:
        """Raise ValueError for options that could find nothing: these, and `more`: option, whether it fits, allowed."""
        for option, fits, allowed in (
            ("alpha", 0 < self.alpha < 1, "above 0, below 1"),
            ("other_keys", self.other_keys >= 0, "0 or more"),
            ("promise_power", 0 < self.promise_power < 1, "above 0, below 1"),
            ("promise_alpha", 0 < self.promise_alpha < 1, "above 0, below 1"),
            *more,
        ):
            if not fits:
                raise ValueError(f"{option}: got {getattr(self, option)}; allowed: {allowed}")
        if self.key_file is not None and self.mark:
            raise ValueError(f"key_file: got {self.key_file} beside mark; allowed: one of them")

    @property
    def _named(self) -> Mapping[str, Any]:
        return {"use": self.usual, **self.mark}

    def find_keys(self) -> None:
        """Raise UsageError where the key file holds no key of such a mark."""
        if self.key_file is not None:
            mark_and_key(self.kind, self._named, self.key, self.key_file)

    def _judged(
        self, detection: Callable[..., Result], observed: Observed, level: float, rng: np.random.Generator
    ) -> Result:
        """Return the measures of the detector of such marks."""
        from detectors.provenance.under_attack import Promise

        return detection(
            observed["items"], observed.get("unmarked"), alpha=self.alpha,
            promise=Promise(self.promise_power, self.promise_alpha), level=level, rng=rng,
            remarks=[*remarks_on(self.kind, self._named["use"])],
        )

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return files of which most have no mark, though they agree with the key a little, and marked files."""
        return self._planted(rng, marked=False), self._planted(rng, marked=True)

    def _planted(self, rng: np.random.Generator, *, marked: bool) -> Observed:
        import numpy as np
        import pandas as pd

        least = np.log10(self.alpha)
        powers = least * (rng.uniform(1, 40, _PLANTED) if marked else rng.uniform(0, 0.9, _PLANTED))
        index = pd.Index([f"planted-{number}" for number in range(_PLANTED)], name="id")
        frame = pd.DataFrame({"p_value": 10.0**powers, "right_bits": 0.99 if marked else 0.6, "problem": None}, index)
        frame["other_p_values"] = [[float(one)] for one in rng.uniform(size=_PLANTED)]
        return {"items": frame}

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies below one half: most files do not carry the mark."""
        return result.headline.high is not None and result.headline.high < 0.5
