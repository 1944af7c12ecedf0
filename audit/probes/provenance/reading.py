"""Reading texts under the key of a mark: as they are, after attacks, cut to a length, and word by word."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from audit import plugins
from audit.probe import Ask
from audit.watermarks.text.keyed import SECRET_OPTIONS
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["PIECE", "Reader", "another_key", "asked_of", "attacks_named", "mark_of"]

_LEFT_HASH = "kgw-lefthash"
_OTHER_KEYS = (2654435769, 15485863)
"""Keys of KGW that were not put in: the first, unless that is the key."""
PIECE = re.compile(r"\s*\S+|\s+")
"""A word with the blanks before it."""


def mark_of(mark: Mapping[str, Any] | None, left_hash: Mapping[str, Any]) -> Any:
    """Return the mark of a plan, by default KGW with left hash; raises the errors of `plugins.build`."""
    options = dict(mark or {"use": _LEFT_HASH, **left_hash})
    return plugins.build("watermarks", options.pop("use", _LEFT_HASH), options)


def asked_of(mark: Any) -> dict[str, Any]:
    """Return a mark as `marked_sample` is asked for it."""
    options = asdict(mark)
    return options if mark.variant == _LEFT_HASH else {"use": mark.variant, **options}


def another_key(mark: Any) -> Any:
    """Return the mark under a key that was not put in, always the same one."""
    name = next(name for name in SECRET_OPTIONS if hasattr(mark, name))
    key = getattr(mark, name)
    if name == "hashing_key":
        return replace(mark, hashing_key=next(other for other in _OTHER_KEYS if other != key))
    if isinstance(key, Sequence):
        return replace(mark, **{name: tuple(map(_another, key))})
    return replace(mark, **{name: _another(key)})


def _another(key: int) -> int:
    digest = hashlib.sha256(f"another key than {key}".encode()).digest()
    return int.from_bytes(digest[:4]) >> 1 | 1


def attacks_named(names: Sequence[str]) -> list[tuple[str, float]]:
    """Return kind and strength of each attack; raises ValueError for a name that is none."""
    from detectors.changes.attacks import ATTACK_KINDS, TEXT_ATTACKS

    found = list[tuple[str, float]]()
    for name in names:
        kind, _, strength = name.partition(" at ")
        if name == "all":
            found += TEXT_ATTACKS
        elif kind in ATTACK_KINDS and re.fullmatch(r"0?\.\d+|1(\.0*)?", strength) and float(strength) > 0:
            found.append((kind, float(strength)))
        else:
            kinds = ", ".join(ATTACK_KINDS)
            raise ValueError(f"attacks: got {name!r}; allowed: all, or KIND at STRENGTH, above 0 up to 1, of {kinds}")
    return list(dict.fromkeys(found))


@immutable
class Reader:
    """Reads texts with the tokenizer of a model."""

    ask: Ask
    mark: Any
    tokenizer: str
    alpha: float

    def read(self, texts: pd.Series[Any]) -> pd.DataFrame:
        """Return the columns of `read_texts` for each text; null where there is none."""
        import pandas as pd

        from detectors.provenance.detection import READ_COLUMNS, read_texts

        there = texts.dropna()
        if there.empty:
            return pd.DataFrame(None, texts.index, list(READ_COLUMNS), dtype=object)
        scheme, ids = self._ids(there)
        found = read_texts(scheme, ids, self.alpha).set_index(there.index).reindex(texts.index).astype(object)
        return found.where(found.notna(), None)

    def p_values(self, texts: pd.Series[Any]) -> pd.Series[Any]:
        """Return the `p_value` of each text alone, null where there is none: how soon it is small takes far longer."""
        import pandas as pd

        there = texts.dropna()
        if there.empty:
            return pd.Series(None, texts.index, dtype=object)
        scheme, ids = self._ids(there)
        found = pd.Series([one.p_value for one in scheme.read(ids)], there.index).reindex(texts.index).astype(object)
        return found.where(found.notna(), None)

    def _ids(self, texts: pd.Series[Any]) -> tuple[Any, pd.Series[Any]]:
        """Return how texts are read, and the ids of each."""
        read = self.ask("token_ids", texts.tolist(), model=self.tokenizer)
        return self.mark.scheme(int(read["vocabulary"].iloc[0])), read["ids"]

    def of_words(self, texts: pd.Series[Any], per_token: pd.Series[Any]) -> pd.Series[Any]:
        """Return `word_evidence`: of each word of each text the mean over its tokens, null where none is scored.

        A text of which the words, read one by one, have another number of tokens than the whole has none.
        """
        import pandas as pd

        counts = self._counts(texts.dropna())
        found = [
            None if text is None else _means(evidence, [counts[piece] for piece in PIECE.findall(text)])
            for text, evidence in zip(texts, per_token, strict=True)
        ]
        return pd.Series(found, texts.index, dtype=object, name="word_evidence")

    def attacked(
        self, texts: pd.Series[Any], attacks: Sequence[tuple[str, float]], lengths: Sequence[int],
        others: Mapping[str, Sequence[str | None]],
    ) -> pd.DataFrame:
        """Return `kinds`, `strengths`, `lengths`, `altered`, `p_values` of each text; see `under_attack.attack_cells`.

        A text is cut to each length at the word that reaches it, and attacked then; a shorter one has no such cells.
        others: attack -> each text after it, made elsewhere; not of what was cut.
        """
        import pandas as pd

        from detectors.arrays import objects
        from detectors.changes.attacks import attacked_texts

        counts = self._counts(texts.dropna()) if lengths else {}
        rows, places = [], {name: place for place, name in enumerate(texts.index)}
        for name, text in texts.dropna().items():
            for length, cut in {0: text, **_cuts(text, lengths, counts)}.items():
                made = [("none", 0.0, cut), *(
                    (*attack, one) for attack, one in zip(attacks, attacked_texts(str(name), cut, attacks), strict=True)
                )]  # fmt: skip
                if not length:
                    made += [(kind, 1.0, all_[places[name]]) for kind, all_ in others.items()]
                rows += [(name, kind, strength, length, one != cut, one) for kind, strength, one in made]
        columns = ["name", "kinds", "strengths", "lengths", "altered", "text"]
        cells = pd.DataFrame(rows, columns=columns)
        p_values = dict.fromkeys(cells["text"])
        p_values = dict(zip(p_values, self.p_values(objects([*p_values])), strict=True))
        cells["p_values"] = objects([p_values[text] for text in cells["text"]])
        lists = cells.drop(columns="text").groupby("name", sort=False).agg(list)
        return lists.reindex(texts.index).astype(object).where(lambda frame: frame.notna(), None)

    def _counts(self, texts: pd.Series[Any]) -> dict[str, int]:
        """Return how many tokens each word has, with the blanks before it."""
        pieces = list(dict.fromkeys(piece for text in texts for piece in PIECE.findall(text)))
        if not pieces:
            return {}
        ids = self.ask("token_ids", pieces, model=self.tokenizer)["ids"]
        return dict(zip(pieces, map(len, ids), strict=True))


def _means(evidence: NDArray[np.float64], sizes: Sequence[int]) -> list[float | None] | None:
    """Return the mean of each run of so many tokens, of those that are scored; None where runs and tokens differ."""
    import numpy as np

    if not sizes or sum(sizes) != len(evidence) or 0 in sizes:
        return None
    scored, starts = ~np.isnan(evidence), np.cumsum([0, *sizes[:-1]])
    counts, sums = np.add.reduceat(scored, starts, dtype=int), np.add.reduceat(np.nan_to_num(evidence), starts)
    return [total / count if count else None for total, count in zip(sums.tolist(), counts.tolist(), strict=True)]


def _cuts(text: str, lengths: Sequence[int], counts: Mapping[str, int]) -> dict[int, str]:
    """Return the text up to the word that reaches each length; lengths that it does not reach are left out."""
    found, tokens = dict[int, str](), 0
    for piece in PIECE.finditer(text) if lengths else ():
        tokens += counts[piece[0]]
        for length in lengths:
            if tokens >= length and length not in found:
                found[length] = text[: piece.end()]
    return found
