"""Does the text of a model carry the watermark of a key, and does the test accuse texts that carry none?

    put_in false   the model is asked as it is served: the mark that its maker claims is there, or is not
    put_in true    the audit puts the mark in itself: what the mark would do on this model

The mark is KGW with left hash; see `detectors.provenance.text.green`. A missing mark says nothing about who wrote a
text. The outputs are read back with the tokenizer, as anyone would have to read them, without the prompt.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from audit.errors import UsageError
from audit.files import canonical, sha256
from audit.model import Continuation
from audit.probe import COUNT, SHARE, Ask, Observed, Range, Role

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["TextMark"]

_OTHER_KEYS = (2654435769, 15485863)
"""Keys that were not put in: the first, unless that is the key."""
_UNIT = "independent unit, e.g. the document; absent = equal texts are one"


@dataclass(frozen=True)
class TextMark:
    """Share of a model's outputs that carry a keyed watermark (KGW), beside false positives and what the mark costs."""

    put_in: bool = False
    """Whether the audit puts the mark in; false = the outputs are taken as they come and must carry it already."""
    greenlist_ratio: float = 0.25
    """Share of the vocabulary that is green after each token."""
    bias: float = 2.5
    """What is added to green logits, where the audit puts the mark in."""
    hashing_key: int = 15485863
    """The key; it stands in the record. The default is the public one of transformers."""
    key_env: str | None = None
    """Environment variable with the key, where the key is secret: the record then names the variable alone."""
    alpha: float = 0.01
    """A text is found where its p-value is at most this."""
    prompt_words: int | None = None
    """So many words of an item's text are the prompt; absent = all of it, 0 = none, the model begins by itself."""
    draws: int = 1
    """Draws per prompt that are tested as one text, a line each; a short answer alone holds too few tokens."""
    max_tokens: int = 200
    """Length at which a draw is cut."""
    temperature: float = 1.0
    """What logits are divided by."""
    tokenizer: str = "main"
    """Model whose tokenizer reads the outputs: for an endpoint, a helper of the same vocabulary."""

    name: ClassVar[str] = "provenance.text_mark"
    dimension: ClassVar[str] = "provenance"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(
            {"text": "what the model goes on from", "unit": _UNIT}, optional=frozenset({"unit"}), repeats=True
        ),
        "unmarked": Role(
            {"text": "a text that is known to be without the mark", "unit": _UNIT}, optional=frozenset({"unit"}),
            required=False,
        ),
    }
    measures: ClassVar[Mapping[str, Range]] = {
        "detection_rate": SHARE, "false_positive_rate": SHARE, "own_false_positive_rate": SHARE,
        "other_key_rate": SHARE, "tokens_needed": Range("tokens", 0), "green_fraction": SHARE,
        "quality_cost": Range("nats per token"), "not_tested": COUNT,
    }

    def __post_init__(self) -> None:
        """Refuse options that could mark or find nothing."""
        for option, fits, allowed in (
            ("greenlist_ratio", 0 < self.greenlist_ratio < 1, "above 0, below 1"),
            ("bias", self.bias > 0, "above 0"),
            ("hashing_key", self.hashing_key >= 1, "1 or more"),
            ("alpha", 0 < self.alpha < 1, "above 0, below 1"),
            ("prompt_words", self.prompt_words is None or self.prompt_words >= 0, "0 or more"),
            ("draws", self.draws >= 1, "1 or more"),
            ("max_tokens", self.max_tokens >= 1, "1 or more"),
            ("temperature", self.temperature >= 0, "0 or more"),
        ):
            if not fits:
                raise ValueError(f"{option}: got {getattr(self, option)}; allowed: {allowed}")

    @property
    def needs(self) -> frozenset[str]:
        """`sample`; `trace` too where the mark is put in, which shows what it costs."""
        return frozenset({"sample", "trace"} if self.put_in else {"sample"})

    def estimate(self, items: int) -> int:
        """Return calls: draws and readings; where the mark is put in, all twice and every draw scored."""
        return items * (4 * self.draws + 2 if self.put_in else self.draws + 1)

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items with `green` and `share` (see `mark_detection`); for the model's outputs also the rest.

        That is `output`, `problem` (why there is none), `other_green`; where the mark is put in `nats`, `scored`, and
        `plain_output`, `plain_green`, `plain_nats`, `plain_scored` of draws without it. Which pairs are green is kept
        in place of the key; who reads them and tries 2^32 keys finds it all the same. Raises UsageError.
        """
        key = self._key()
        if role == "unmarked":
            return items.join(self._colours(ask, items["text"], {"green": key}))
        prompts = [self._prompt(text) for text in items["text"] for _ in range(self.draws)]
        how: dict[str, Any] = {"max_tokens": self.max_tokens, "temperature": self.temperature}
        mark = {"greenlist_ratio": self.greenlist_ratio, "bias": self.bias, "hashing_key": key}
        drawn = ask("marked_sample", prompts, mark=mark, **how) if self.put_in else ask("sample", prompts, **how)
        keys = {"green": key, "other_green": next(other for other in _OTHER_KEYS if other != key)}
        found = self._outputs(drawn, items.index)
        found = items.join(found).join(self._colours(ask, found["output"], keys))
        if not self.put_in:
            return found
        plain = ask("sample", prompts, **how)
        twins = self._outputs(plain, items.index)
        twins = twins.join(self._colours(ask, twins["output"], {"green": key}))
        twins = twins.join(self._scores(ask, prompts, plain, items.index)).drop(columns=["problem", "share"])
        return found.join(self._scores(ask, prompts, drawn, items.index)).join(twins.add_prefix("plain_"))

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.provenance.detection`; equal outputs to equal prompts are one unit."""
        from detectors.provenance.detection import mark_detection

        outputs = observed["items"].assign(unit=self._units(observed["items"], "output"))
        if self.put_in and "plain_output" in outputs:
            outputs["plain_unit"] = self._units(observed["items"], "plain_output")
        return mark_detection(outputs, observed.get("unmarked"), alpha=self.alpha, level=level, rng=rng)

    def _units(self, items: pd.DataFrame, column: str) -> list[str]:
        """Return the independent unit of every output: the one that the data name, or what was asked and answered."""
        given = items["unit"] if "unit" in items else [None] * len(items)
        rows = zip(items.index, items["text"], items[column], given, strict=True)
        return [
            str(unit) if isinstance(unit, str | int)
            else str(name) if not isinstance(output, str)
            else sha256(canonical([self._prompt(text), output]))[7:23]
            for name, text, output, unit in rows
        ]  # fmt: skip

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 60 texts without the mark in which one green pair stands 50 times, and 60 with the mark.

        A judge that counts a pair as often as it stands would find the mark in the first ones.
        """
        return _planted(rng, marked=False), _planted(rng, marked=True)

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return texts that hold a mark by a hair, or do not; see `audit.probes.provenance.trials`."""
        from audit.probes.provenance.trials import mark_trials

        return mark_trials(self, rng)

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies below one half: most texts do not carry the mark."""
        return result.headline.high is not None and result.headline.high < 0.5

    def _key(self) -> int:
        if self.key_env is None:
            return self.hashing_key
        key = os.environ.get(self.key_env, "").strip()
        if not key.isdecimal() or int(key) < 1:
            raise UsageError(f"key_env: {self.key_env} holds no key; allowed: an integer, 1 or more")
        return int(key)

    def _prompt(self, text: str) -> str | None:
        if self.prompt_words is None:
            return text
        return " ".join(text.split()[: self.prompt_words]) or None

    def _outputs(self, drawn: pd.DataFrame, index: pd.Index[Any]) -> pd.DataFrame:
        """Return `output`, the draws of each item a line each, and `problem`, the first that a draw met, or null."""
        import pandas as pd

        items = drawn[["content", "problem"]].groupby(drawn["item"] // self.draws)
        found = pd.DataFrame({"output": items["content"].agg("\n".join), "problem": items["problem"].first()})
        found = found.astype(object).where(found.notna(), None).set_index(index)
        return found.assign(output=found["output"].where(found["problem"].isna(), None))

    def _scores(
        self, ask: Ask, prompts: list[str | None], drawn: pd.DataFrame, index: pd.Index[Any]
    ) -> pd.DataFrame:
        """Return `nats` and `scored` of each item: log p of its draws under the model, and of how many tokens."""
        pairs = zip(prompts, drawn["content"], strict=True)
        trace = ask("trace", [text if prompt is None else Continuation(prompt, text) for prompt, text in pairs])
        found = trace["log_prob"].groupby(trace["item"] // self.draws).agg(["sum", "count"])
        found = found.reindex(range(len(index)), fill_value=0).set_axis(["nats", "scored"], axis=1)
        return found.set_index(index)

    def _colours(self, ask: Ask, texts: pd.Series[str], keys: Mapping[str, int]) -> pd.DataFrame:
        """Return `share`, and for each key a column with the colours of every text; null where there is no text."""
        import pandas as pd

        from detectors.provenance.text.green import LeftHashLists, green_pairs

        frame = pd.DataFrame(dict.fromkeys(("share", *keys)), texts.index, dtype=object)
        there = texts.dropna()
        if there.empty:
            return frame
        read = ask("token_ids", there.tolist(), model=self.tokenizer)
        for column, key in keys.items():
            lists = LeftHashLists(int(read["vocabulary"].iloc[0]), self.greenlist_ratio, key)
            colours = dict(zip(there.index, green_pairs(read["ids"], lists), strict=True))
            frame[column] = [colours[name].tolist() if name in colours else None for name in texts.index]
            frame["share"] = lists.share
        return frame


def _planted(rng: np.random.Generator, *, marked: bool) -> Observed:
    """Return observations of texts over 63 ids; see `TextMark.controls`."""
    import numpy as np
    import pandas as pd

    from detectors.provenance.text.green import LeftHashLists, green_pairs

    lists, other = (LeftHashLists(64, 0.25, key) for key in reversed(_OTHER_KEYS))
    pairs = np.indices((63, 63)).reshape(2, -1).T + 1
    green = np.zeros((64, 64), dtype=bool)
    green[tuple(pairs.T)] = np.concatenate(green_pairs(pairs, lists))
    texts = rng.integers(1, 64, size=(60, 200))
    if marked:
        for i in range(1, 200):  # the first of two candidates where it is green, else the second
            second, better = rng.integers(1, 64, size=60), green[texts[:, i - 1], texts[:, i]]
            texts[:, i] = np.where(better, texts[:, i], second)
    else:
        texts[:, 100:] = np.tile(np.argwhere(green)[0], 50)
    index = pd.Index([f"planted-{number}" for number in range(len(texts))], name="id")
    frame = pd.DataFrame({"text": index, "output": index, "share": lists.share}, index)
    frame["green"] = [row.tolist() for row in green_pairs(texts, lists)]
    frame["other_green"] = [row.tolist() for row in green_pairs(texts, other)]
    return {"items": frame}
