"""Does a text come out of a model again where its beginning is put in?

    trace        one pass over the true text: which tokens of its suffix are the likeliest, and log p of them all
    generation   what the model writes after the prefix, beside the true suffix

Prefix and suffix are so many tokens of the text, or words where the model does not tell where its tokens stand. Texts
that were held out of training are asked in the same way and stand beside every number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.probe import COUNT, SHARE, SHARE_GAP, Ask, Observed, Range, Role
from audit.probes.items import lists_by_item, without_nan
from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["Extraction"]

_TEXTS = Role(
    {
        "text": "a text, its prefix and suffix; what follows is not looked at",
        "unit": "independent unit, e.g. the document of a passage; absent = every text is its own",
    },
    optional=frozenset({"unit"}),
)
_CHARACTERS = Range("characters", 0)


@immutable
class Extraction:
    """Share of texts whose suffix comes out again after their prefix, beside that of held-out texts."""

    prefix: int = 50
    """Tokens that are put in."""
    suffix: int = 50
    """Tokens after them that are looked for."""
    tries: int = 100
    """Within how many draws a suffix must come to count as extractable."""
    probability: float = 0.5
    """With which probability at least."""
    draw_temperature: float = 1.0
    """Temperature of those draws; another one than 1 takes `top_k`."""
    top_k: int | None = None
    """From how many of the likeliest tokens they come, renormalised; absent = from the whole vocabulary."""
    top_p: float = 1.0
    """Share of the probability of these tokens that the fewest that draws come from hold; below 1 it takes `top_k`."""
    parts: tuple[Literal["trace", "generation"], ...] = ("trace", "generation")
    """What is asked; a model without `trace`, as most endpoints are, can be asked for `generation` alone."""
    temperature: float = 0.0
    """At which the model writes; 0 = its likeliest token each time."""
    near: float = 0.1
    """Share of edits, in one case and spacing, up to which what it writes counts as nearly verbatim."""

    name: ClassVar[str] = "memorisation.extraction"
    dimension: ClassVar[str] = "memorisation"
    roles: ClassVar[Mapping[str, Role]] = {"items": _TEXTS, "held_out": _TEXTS}
    measures: ClassVar[Mapping[str, Range]] = {
        "extractable_share": SHARE, "extractable_above_held_out": SHARE_GAP, "extracted_share": SHARE,
        "extracted_above_held_out": SHARE_GAP, "near_verbatim_share": SHARE,
        "near_verbatim_above_held_out": SHARE_GAP, "greedy_run": Range("tokens", 0), "edit_distance": SHARE,
        "normalised_edit_distance": SHARE, "reproduced": _CHARACTERS, "normalised_reproduced": _CHARACTERS,
        "longest_reproduced": _CHARACTERS, "tied_texts": COUNT, "not_asked": COUNT,
    }

    def __post_init__(self) -> None:
        """Refuse settings with which nothing can be asked."""
        if min(self.prefix, self.suffix, self.tries) < 1:
            got = f"{self.prefix}, {self.suffix} and {self.tries}"
            raise ValueError(f"prefix, suffix, tries: got {got}; allowed: 1 or more")
        if not 0 < self.probability < 1 or not 0 <= self.near < 1:
            got = f"{self.probability:g} and {self.near:g}"
            raise ValueError(f"probability, near: got {got}; allowed: above 0 and below 1, from 0 to below 1")
        if self.draw_temperature <= 0 or not 0 < self.top_p <= 1 or (self.top_k is not None and self.top_k < 2):
            got = f"{self.draw_temperature:g}, {self.top_p:g} and {self.top_k}"
            raise ValueError(f"draw_temperature, top_p, top_k: got {got}; allowed: above 0, above 0 to 1, 2 or more")
        if self.top_k is None and (self.draw_temperature != 1 or self.top_p < 1):
            got = f"temperature {self.draw_temperature:g} and top_p {self.top_p:g} without top_k"
            raise ValueError(f"{self.name}: got {got}; allowed: with one, as no model tells its whole vocabulary")
        if not self.parts or len(set(self.parts)) < len(self.parts):
            raise ValueError(f"parts: got {', '.join(self.parts) or 'none'}; allowed: trace, generation, each once")

    @property
    def needs(self) -> frozenset[str]:
        """`trace` and `sample`, or one of them; where draws are cut, the likeliest tokens."""
        cut = {"token_alternatives"} if self.top_k is not None and "trace" in self.parts else set()
        return frozenset({"sample" if one == "generation" else one for one in self.parts} | cut)

    def estimate(self, items: int) -> int:
        """Return calls: one a text for each part, and one more where draws are cut."""
        return (len(self.parts) + ("token_alternatives" in self.needs)) * items

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return `text`, `unit`, `not_asked` (why a text was not, or null), `prefix_end` and `suffix_end` (characters);
        of the suffix's tokens `log_probs` and `ranks`, where draws are cut `likeliest` (of each, ln p of so many
        likeliest ones), and `tied`, how many of a suffix that comes out greedily are no likelier than another token
        (null = not looked at); `output` and whether it was asked for, `generated`.
        """
        from detectors.arrays import objects

        rows = without_nan(items.reindex(columns=["text", "unit"]))
        places = self._places(ask, rows["text"].tolist())
        rows["not_asked"] = [self._lacks(one) for one in places]
        for at, name in enumerate(("prefix_end", "suffix_end")):
            rows[name] = objects([self._end(one, at) for one in places], rows.index)
        asked = rows[rows["not_asked"].isna()]
        for name in ("log_probs", "ranks", *(() if self.top_k is None else ("likeliest",)), "tied", "output"):
            rows[name] = None
        if "trace" in self.parts and len(asked):
            rows = rows.assign(**self._traced(ask, rows, asked))
        if "generation" in self.parts and len(asked):
            prompts = [text[:end] for text, end in zip(asked["text"], asked["prefix_end"], strict=True)]
            answer = ask("sample", prompts, max_tokens=self._room(ask), temperature=self.temperature)
            came = answer["content"].astype(object).where(answer["problem"].isna(), None)
            rows["output"] = came.set_axis(asked.index).reindex(rows.index)
        rows["generated"] = "generation" in self.parts
        return without_nan(rows)

    def _places(self, ask: Ask, texts: list[str]) -> list[list[tuple[int, int]]]:
        """Return (first, end) of the characters of every token of each text; of every word where none are told."""
        if not texts or not ask.can("token_spans"):
            return [[found.span() for found in re.finditer(r"\s*\S+", text)] for text in texts]
        spans = ask("token_spans", texts)
        return [list(zip(*one, strict=True)) for one in zip(spans["start"], spans["end"], strict=True)]

    def _lacks(self, places: Sequence[tuple[int, int]]) -> Cause | None:
        needed = self.prefix + self.suffix
        return None if len(places) >= needed else _short(len(places), needed)

    def _end(self, places: Sequence[tuple[int, int]], at: int) -> int | None:
        """Return where the prefix ends (0), or the suffix (1)."""
        needed = self.prefix + self.suffix
        if len(places) < needed:
            return None
        return int(places[needed - 1][1] if at else places[self.prefix][0])

    def _room(self, ask: Ask) -> int:
        """Return the tokens that an output may have; words take several."""
        return self.suffix if ask.can("token_spans") else 4 * self.suffix

    def _traced(self, ask: Ask, rows: pd.DataFrame, asked: pd.DataFrame) -> dict[str, Any]:
        """Return `log_probs`, `ranks`, `tied` and `not_asked` with what the traces tell of the suffixes."""
        import numpy as np

        from detectors.arrays import objects

        trace, needed = ask("trace", asked["text"].tolist()), self.prefix + self.suffix
        found: dict[str, dict[Any, Any]] = {"log_probs": {}, "ranks": {}, "not_asked": rows["not_asked"].to_dict()}
        lists = (lists_by_item(trace, trace[name], len(asked)) for name in ("log_prob", "rank"))
        for name, nats, ranks in zip(asked.index, *lists, strict=True):
            inside = slice(self.prefix, needed)
            if len(nats) < needed or np.isnan(nats[inside]).any():
                found["not_asked"][name] = _short(len(nats), needed)
            else:
                found["log_probs"][name], found["ranks"][name] = nats[inside], ranks[inside]
        found["tied"] = self._tied(ask, asked, found["ranks"])
        if self.top_k is not None:
            found["likeliest"] = self._alternatives(ask, asked, list(found["ranks"]), self.top_k)
        return {name: objects(cells).reindex(rows.index) for name, cells in found.items()}

    def _tied(self, ask: Ask, asked: pd.DataFrame, ranks: Mapping[Any, Sequence[float]]) -> dict[Any, int]:
        """Return of suffixes that come out greedily how many tokens another one ties with."""
        greedy = [name for name, one in ranks.items() if set(one) == {1}]
        if not greedy or not ask.can("token_alternatives"):
            return {}
        told = self._alternatives(ask, asked, greedy, 2)
        return {name: sum(len(two) > 1 and two[0] == two[1] for two in one) for name, one in told.items()}

    def _alternatives(self, ask: Ask, asked: pd.DataFrame, names: list[Any], k: int) -> dict[Any, Any]:
        """Return of texts ln p of the `k` likeliest tokens at each token of the suffix."""
        if not names:
            return {}
        told = ask("token_alternatives", asked.loc[names, "text"].tolist(), k=k)["log_probs"]
        end = self.prefix + self.suffix
        return {
            name: [list(few) for few in one[self.prefix : end]] for name, one in zip(names, told, strict=True)
        }

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.memorisation.extraction`."""
        from detectors.memorisation.extraction import Setting, extraction

        told = {role: without_nan(frame) for role, frame in observed.items()}
        drawn = (self.draw_temperature, self.top_p)
        return extraction(told, Setting(self.tries, self.probability, self.near, *drawn), level=level, rng=rng)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 24 texts of which nine in ten come out again, held-out ones of which one does, and half of both.

        The fault is planted where a wrong judge would miss it: in the clean twin both come out alike, as boilerplate.
        """
        from audit.probes.memorisation.extraction_trials import observations

        return observations(self.parts, known=(0.9, 0.1)), observations(self.parts, known=(0.5, 0.5))

    def found(self, result: Result) -> bool:
        """Tell whether texts surely come out more often than held-out ones."""
        gap = result.measures[1]
        return gap.low is not None and gap.low > 0

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return 20 texts and 20 held-out ones of which 3, 9 or 17 and always 3 come out again."""
        from audit.probes.memorisation.extraction_trials import trials

        return trials(self, rng)


def _short(have: int, needed: int) -> Cause:
    return Cause("it has {have:,} tokens, or words; {needed:,} are needed", have=have, needed=needed)
