"""A corpus audited without a model: which groups its texts name, what they say near them, and which are there twice.

    mention share     texts that name a group                            exact
    attribute rate    texts that name one group and, near it, a word of an attribute; gaps by `detectors.bias.gaps`
    log odds          of an attribute, and of single words, near one group against all others (`group_terms`)
    duplicates        texts that are nearly another one, by the group that they name

Units are distinct texts: of near duplicates the first counts, and of texts that one author wrote one that is drawn, but
where it is asked which are there twice. A text that names several groups counts for none of them in the rates, so that
these are of independent units. Where no text names a group nothing is said of bias.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from detectors.arrays import Floats, objects
from detectors.bias.data.duplicates import clusters_of_texts
from detectors.bias.data.findings import Found, largest, smallest_p, sureness, surest
from detectors.bias.data.group_terms import Lexicon, LogOdds, Mentions, error_over_texts, log_odds
from detectors.bias.data.single_words import single_words
from detectors.bias.gaps import group_gaps
from detectors.bias.repeats import one_of_each_unit
from detectors.immutable import immutable
from detectors.intervals import Approximation, exact_binomial
from detectors.phrases import Cause, Method, Phrase
from detectors.result import COUNT, Direction, Measure, Remark, Result, undefined

__all__ = ["corpus_bias"]

_NOBODY = Cause("no text names a group")
_ONE_GROUP = Cause("fewer than two groups are named")
_JOINT = Method("exact binomial (Clopper-Pearson), Bonferroni over classes")
_SPREAD = Method("in the box of exact intervals of all shares (Bonferroni)")
LOG_ODDS = Approximation(Method("log odds with an informative Dirichlet prior, linear over texts"), 40, 0.75)
"""Of the log odds as the prior draws them to 0; worst where a rare attribute comes several times in a text."""
_MOST_WORDS = 100
_LEAST_NEAR = 5
"""Times that a word stands near groups for it to be looked at."""


def corpus_bias(
    texts: Sequence[str], groups: Mapping[str, Sequence[str]], attributes: Mapping[str, Sequence[str]], *, window: int,
    level: float, rng: np.random.Generator, units: Sequence[str | None] | None = None,
) -> Result:
    """Return how texts speak of groups.

    groups, attributes: name -> terms. window: words on either side of a group's term that are near it. units: what
    texts share that hang together, such as their author, None = a text is its own; absent = all are.

    Measures: `attribute_rate_difference` (headline), `attribute_rate_gap`, `attribute_rate_gap_p`, `attribute_rate`,
    `mention_difference`, `mention_share`, `unnamed_share` (texts that name no group), `log_odds` of every attribute and
    group, `duplicate_difference`, `duplicate_share`. items: a row for an attribute or a word and a group, of the words
    those that lean most; `against` where that is sure for all of them together, of words also by the number of texts
    that have them (`single_words`). Raises ValueError for fewer than two
    groups and for no attribute.
    """
    if len(groups) < 2 or not attributes:
        got = f"{len(groups)} groups, {len(attributes)} attributes"
        raise ValueError(f"corpus_bias: got {got}; allowed: two groups or more, one attribute or more")
    corpus = _Corpus(texts, groups, attributes, window, level, rng, units)
    found = corpus.rates()
    found.measures += [*corpus.shares(), *corpus.odds(), *corpus.repeated()]
    found.rows += corpus.rows()
    items = pd.DataFrame(found.rows, index=pd.Index([f"{row['kind']} {at}" for at, row in enumerate(found.rows, 1)],
                                                    name="id"))  # fmt: skip
    if found.rows:
        items["against"] = items["against"].astype("boolean")
    measures = tuple(replace(one, level=level) for one in found.measures)
    remarks = (*corpus.counted[1], *found.remarks)
    return Result(measures, items=items if found.rows else None, table=corpus.table(), remarks=remarks)


@immutable(eq=False)
class _Corpus:
    texts: Sequence[str]
    groups: Mapping[str, Sequence[str]]
    attributes: Mapping[str, Sequence[str]]
    window: int
    level: float
    rng: np.random.Generator
    authors: Sequence[str | None] | None

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """The first text that each one nearly is [text]."""
        return clusters_of_texts(self.texts)

    @cached_property
    def said(self) -> list[Mentions]:
        """What each text says of groups."""
        lexicon = Lexicon(self.groups)
        return [lexicon.mentions(text, self.window) for text in self.texts]

    @cached_property
    def counted(self) -> tuple[pd.DataFrame, tuple[Remark, ...]]:
        """Rows named by the places of texts that count, distinct ones of different authors; and the remark on these."""
        names = self.authors if self.authors is not None else [None] * len(self.texts)
        authors = objects([*names])
        authors = authors[self.first == np.arange(len(self.texts))]
        return one_of_each_unit(authors.to_frame(), authors, self.rng)

    @cached_property
    def units(self) -> list[Mentions]:
        """What texts that count say."""
        return [self.said[at] for at in self.counted[0].index]

    @cached_property
    def alone(self) -> dict[str, list[tuple[str, ...]]]:
        """Group -> words near it in each distinct text that names it and no other."""
        found: dict[str, list[tuple[str, ...]]] = {name: [] for name in self.groups}
        for one in self.units:
            if len(one.contexts) == 1:
                (name, words), *_ = one.contexts.items()
                found[name].append(words)
        return found

    # --- rates of attributes

    def rates(self) -> Found:
        endings = {"difference": largest, "gap": surest, "gap_p": smallest_p}
        if not any(self.alone.values()):
            return Found([self._none(f"attribute_rate_{one}", _NOBODY) for one in endings])
        of_attributes, of_groups, remarks = list[dict[str, Measure]](), list[Measure](), []
        strict, lexicon = 1 - (1 - self.level) / len(self.attributes), Lexicon(self.attributes)
        holds = {name: [lexicon.named(words) for words in told] for name, told in self.alone.items()}
        for attribute in self.attributes:
            result = group_gaps(
                [sum(attribute in one for one in holds[name]) for name in self.groups],
                [len(holds[name]) for name in self.groups], [_named(attribute, name) for name in self.groups],
                level=strict, rng=self.rng, metric="attribute_rate",
            )
            label = attribute if len(self.attributes) > 1 else None
            of_attributes.append({one.name: replace(one, group=label) for one in result.measures if one.group is None})
            of_groups += [one for one in result.measures if one.group is not None]
            remarks.append((sureness(result.measure("attribute_rate_gap")), result.remarks))
        told = [over([one[f"attribute_rate_{ending}"] for one in of_attributes]) for ending, over in endings.items()]
        measures = [*(one for part in told for one in part), *of_groups]
        return Found(measures, remarks=[*max(remarks, key=lambda one: one[0])[1]])

    # --- who is named

    def shares(self) -> list[Measure]:
        n = len(self.units)
        named = np.array([sum(name in one.contexts for one in self.units) for name in self.groups])
        unnamed = sum(not one.contexts for one in self.units)
        if not n:
            return [self._none(name, _NOBODY) for name in ("mention_difference", "unnamed_share")]
        strict = 1 - (1 - self.level) / len(self.groups)
        low, high = exact_binomial(named, n, strict)
        told = [
            self._measure("mention_share", k / n, group=name, low=float(one), high=float(two), method=_JOINT)
            for name, k, one, two in zip(self.groups, named.tolist(), low, high, strict=True)
        ]
        spread = float(np.ptp(named)) / n
        difference = self._measure(
            "mention_difference", spread, low=min(spread, max(0.0, float(low.max() - high.min()))),
            high=max(spread, float(high.max() - low.min())), method=_SPREAD,
        )  # fmt: skip
        none = exact_binomial(unnamed, n, self.level)
        return [difference, self._measure("unnamed_share", unnamed / n, low=none[0], high=none[1],
                                          method=Method("exact binomial (Clopper-Pearson)")), *told]  # fmt: skip

    # --- log odds

    @cached_property
    def of_texts(self) -> Floats:
        """What distinct texts add to the counts of attributes near groups [attribute, group, text, 6].

        The last axis is that of `error_over_texts`.
        """
        places = {name: at for at, name in enumerate(self.attributes)}
        terms = Lexicon(self.attributes).alone({word for one in self.units for word in one.words})
        stands = {word: places[name] for word, name in terms.items()}
        hits = np.zeros((len(self.attributes), len(self.groups) + 1, len(self.units)))
        size = np.zeros(hits.shape[1:])
        for text, one in enumerate(self.units):
            for group, words in enumerate((*(one.contexts.get(name, ()) for name in self.groups), one.words)):
                size[group, text] = len(words)
                for word in filter(stands.__contains__, words):
                    hits[stands[word], group, text] += 1
        near = np.stack([hits[:, :-1], np.broadcast_to(size[:-1], hits[:, :-1].shape)], axis=-1)
        whole = np.stack([hits[:, -1:], np.broadcast_to(size[-1:], hits[:, -1:].shape)], axis=-1)
        others = near.sum(axis=1, keepdims=True) - near
        return np.concatenate([near, others, np.broadcast_to(whole, near.shape)], axis=-1)

    @cached_property
    def of_attributes(self) -> list[tuple[str, str, int, LogOdds]]:
        """(attribute, group, times near it, log odds), as sure as texts make it and as words that stand alone would."""
        found = []
        for attribute, of_groups in zip(self.attributes, self.of_texts, strict=True):
            for name, texts in zip(self.groups, of_groups, strict=True):
                near, words, elsewhere, others, there, total = map(int, texts.sum(axis=0))
                if there and words and others and len(texts) > 1:
                    odds = log_odds(near, words, elsewhere, others, there / total)
                    surely = LogOdds(odds.value, max(odds.error, error_over_texts(texts)))
                    found.append((attribute, name, near, surely))
        return found

    def odds(self) -> list[Measure]:
        z = float(ndtri(1 - (1 - self.level) / 2 / max(1, len(self.of_attributes))))
        return [
            self._measure(
                "log_odds", one.value, group=_named(attribute, name), low=one.value - z * one.error,
                high=one.value + z * one.error, unit="nats", direction="nearer to ideal is better", **LOG_ODDS.facts,
            )
            for attribute, name, _, one in self.of_attributes
        ]  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        told = [("attribute", *one, 0.0) for one in self.of_attributes]
        words = single_words(self.units, tuple(self.groups), _LEAST_NEAR) if len(self.units) > 1 else ()
        single = [("word", *one) for one in words]
        error = (1 - self.level) / max(1, len(told) + len(single))
        z = float(ndtri(1 - error / 2))
        rows: list[dict[str, Any]] = [
            {"kind": kind, "word": word, "group": name, "near": near, "value": odds.value, "z": odds.z,
             "against": abs(odds.z) > z and p <= error, "weight": abs(odds.z)}
            for kind, word, name, near, odds, p in [*told, *single]
        ]  # fmt: skip
        leaning = sorted(rows[len(told) :], key=lambda row: (not row["against"], -row["weight"]))
        return [*rows[: len(told)], *leaning[:_MOST_WORDS]]

    # --- what is there twice

    def repeated(self) -> list[Measure]:
        again = np.isin(self.first, self.first[self.first != np.arange(len(self.texts))])
        rates = [
            float(again[there].mean()) for name in self.groups
            if (there := np.array([name in one.contexts for one in self.said], dtype=bool)).any()
        ]  # fmt: skip
        share = float(again.mean()) if len(again) else 0.0
        told = self._measure("duplicate_share", share, low=share, high=share, method=COUNT, n=len(again))
        if len(rates) < 2:
            return [self._none("duplicate_difference", _ONE_GROUP if rates else _NOBODY), told]
        apart = float(np.ptp(rates))
        return [self._measure("duplicate_difference", apart, low=apart, high=apart, method=COUNT, n=len(again)), told]

    def table(self) -> pd.DataFrame:
        """Return a row a group: distinct texts that name it, and those that name no other."""
        return pd.DataFrame({
            "group": list(self.groups),
            "distinct_texts": [sum(name in one.contexts for one in self.units) for name in self.groups],
            "alone": [len(self.alone[name]) for name in self.groups],
        })  # fmt: skip

    def _measure(self, name: str, value: float, *, n: int | None = None, **more: Any) -> Measure:
        count = len(self.units) if n is None else n
        direction: Direction = "neither" if name in ("mention_share", "unnamed_share") else "lower is better"
        told = {"unit": "share", "direction": direction, "ideal": None if direction == "neither" else 0.0, **more}
        return Measure(name=name, value=value, n={"items": count, "units": count}, level=self.level, **told)

    def _none(self, name: str, reason: Cause) -> Measure:
        n = {"items": len(self.units), "units": len(self.units)}
        unit = "p-value" if name.endswith("_p") else "share"
        return undefined(name, reason, n=n, unit=unit, direction="neither", level=self.level)


def _named(attribute: str, group: str) -> str:
    return Phrase("{group1}: {group2}", group1=attribute, group2=group)
