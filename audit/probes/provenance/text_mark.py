"""Does the text of a model carry the watermark of a key, and does the test accuse texts that carry none?

    put_in false   the model is asked as it is served: the mark that its maker claims is there, or is not
    put_in true    the audit puts the mark in itself: what the mark would do on this model

The mark is KGW with left hash, or any other of `dokimasia.watermarks`. A missing mark says nothing about who wrote a
text. The outputs are read back with the tokenizer, as anyone would have to read them, without the prompt; and again
after each attack, and cut to each length, where the plan names some.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from audit.errors import UsageError
from audit.files import canonical, sha256
from audit.model import Continuation
from audit.probe import COUNT, SHARE, Ask, Observed, Range, Role
from audit.probes.provenance.reading import Reader, another_key, asked_of, attacks_named, mark_of
from audit.watermarks.text.keyed import read_text_key
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["TextMark"]

_UNIT = "independent unit, e.g. the document; absent = equal texts are one"


@immutable
class TextMark:
    """Share of a model's outputs that carry a keyed watermark, beside false positives, its price, and what survives."""

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
    mark: Mapping[str, Any] | None = None
    """Another mark than the one of the four options above: its name at `use`, its options beside it, its key too."""
    key_file: Path | None = None
    """Key file of a mark (`dokimasia mark key`), where it is secret: items hold its id, variant and commitment."""
    known_keys: Sequence[Path] = ()
    """Key files of other marks that the outputs may carry instead: whether somebody put in the wrong one."""
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
    attacks: Sequence[str] = ()
    """Attacks that the outputs are read after, such as `delete at 0.3`; `all` stands for the built-in ones."""
    lengths: Sequence[int] = ()
    """Tokens to which the outputs are cut, to see how long a text must be."""
    promise_power: float = 0.99
    """Share of marked texts that shall be found from the shortest length on."""
    promise_alpha: float = 1e-6
    """P-value at which they shall be found."""
    paraphraser: str | None = None
    """Helper that says each output in other words: an attack called `paraphrase`."""
    paraphrase_prompt: str = "Say the following in other words.\n\n{text}\n\nIn other words:"
    """What it is asked, with `{text}` where the output stands."""
    translator: str | None = None
    """Helper that translates each output there and back: an attack called `translate`."""
    translate_prompts: Sequence[str] = (
        "Translate into French.\n\n{text}\n\nFrench:", "Translate into English.\n\n{text}\n\nEnglish:",
    )  # fmt: skip
    """What it is asked, one after the other, with `{text}` where the text stands."""

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
        "quality_cost": Range("nats per token"), "not_tested": COUNT, "worst_power_under_attack": SHARE,
        "shortest_length": Range("tokens", 0), "power_by_length": SHARE, "forgery_rate": SHARE,
        "power_under_attack": SHARE, "retokenised_share": SHARE, "known_key_rate": SHARE,
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
            ("lengths", all(one >= 1 for one in self.lengths), "1 or more each"),
            ("promise_power", 0 < self.promise_power < 1, "above 0, below 1"),
            ("promise_alpha", 0 < self.promise_alpha < 1, "above 0, below 1"),
            ("paraphrase_prompt", "{text}" in self.paraphrase_prompt, "a text with {text} in it"),
            ("translate_prompts", all("{text}" in one for one in self.translate_prompts or ("",)),
             "one or more, {text} in each"),
        ):
            if not fits:
                raise ValueError(f"{option}: got {getattr(self, option)}; allowed: {allowed}")
        attacks_named(self.attacks)
        keyed = [one for one in ("mark", "key_env", "key_file") if getattr(self, one) is not None]
        if len(keyed) > 1:
            raise ValueError(f"got {' and '.join(keyed)}; allowed: one of them, as each brings its own key")

    @property
    def needs(self) -> frozenset[str]:
        """`sample`; `trace` too where the mark is put in, which shows what it costs."""
        return frozenset({"sample", "trace"} if self.put_in else {"sample"})

    def find_keys(self) -> None:
        """Raise UsageError where a key that these options name cannot be had."""
        self._key()
        for file in (*self.known_keys, *([] if self.key_file is None else [self.key_file])):
            read_text_key(file)

    def estimate(self, items: int) -> int:
        """Return calls: draws and readings; where the mark is put in, all twice and every draw scored."""
        asked = bool(self.paraphraser) + len(self.translate_prompts) * bool(self.translator)
        forms = len(attacks_named(self.attacks)) + len(self._rewritten) + bool(self.attacks or self.lengths)
        read = forms * (1 + len(self.lengths)) + asked + len(self.known_keys)
        return items * (read + (4 * self.draws + 2 if self.put_in else self.draws + 1))

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items with `output`, `problem` (why there is none) and what `mark_detection` judges.

        Where the mark is put in that is of draws without it too. `word_evidence` is that of each word of the output,
        the mean over its tokens. What is read is kept in place of the key; who reads which words speak for it and tries
        2^32 keys of KGW finds it all the same. `weaknesses` are those of the mark, where it has any. With attacks or
        lengths also what `under_attack` judges. Raises UsageError.
        """
        key, mark = self._mark()
        reader = Reader(ask, mark, self.tokenizer, self.alpha)
        if role == "unmarked":
            return items.join(reader.read(items["text"])[["tokens", "p_value", "green_fraction"]])
        prompts = [self._prompt(text) for text in items["text"] for _ in range(self.draws)]
        how: dict[str, Any] = {"max_tokens": self.max_tokens, "temperature": self.temperature}
        marked = {"mark": asked_of(mark), **how}
        drawn = ask("marked_sample", prompts, **marked) if self.put_in else ask("sample", prompts, **how)
        found = self._read(ask, reader, items.join(self._outputs(drawn, items.index)), key)
        if not self.put_in:
            return found
        plain = ask("sample", prompts, **how)
        twins = self._outputs(plain, items.index).drop(columns="problem")
        twins = twins.assign(p_value=reader.p_values(twins["output"]))
        twins = twins.join(self._scores(ask, prompts, plain, items.index))
        return found.join(self._scores(ask, prompts, drawn, items.index)).join(twins.add_prefix("plain_"))

    def _read(self, ask: Ask, reader: Reader, found: pd.DataFrame, key: str) -> pd.DataFrame:
        """Return items with what is read of their `output`: under the key, another one, those at hand, and attacked."""
        texts = found["output"]
        found = found.join(reader.read(texts))
        found["key"] = key
        if weak := [str(one) for one in getattr(reader.mark, "weaknesses", tuple)()]:
            found["weaknesses"] = [weak] * len(found)
        found["other_p_value"] = replace(reader, mark=another_key(reader.mark)).p_values(texts)
        if self.known_keys:
            found = found.join(self._keyed_otherwise(reader, texts))
        found = found.join(reader.of_words(texts, found.pop("per_token")))
        if self.attacks or self.lengths or self._rewritten:
            more = {kind: self._rewrite(ask, texts, *how_) for kind, how_ in self._rewritten.items()}
            found = found.join(reader.attacked(texts, attacks_named(self.attacks), self.lengths, more))
        return found

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.provenance.detection`, and of `under_attack` where there was an attack.

        Equal outputs to equal prompts are one unit.
        """
        from detectors.provenance.detection import mark_detection
        from detectors.provenance.under_attack import Promise, under_attack
        from detectors.result import Remark

        outputs = observed["items"].assign(unit=self._units(observed["items"], "output"))
        if self.put_in and "plain_output" in outputs:
            outputs["plain_unit"] = self._units(observed["items"], "plain_output")
        weak = [] if "weaknesses" not in outputs or outputs.empty else outputs["weaknesses"].iloc[0]
        outputs = outputs.drop(columns="weaknesses", errors="ignore")
        found = mark_detection(outputs, observed.get("unmarked"), alpha=self.alpha, level=level, rng=rng)
        found = replace(found, remarks=tuple(Remark("weak_mark", {"problem": str(one)}) for one in weak))
        if "kinds" not in outputs:
            return found
        promise = Promise(self.promise_power, self.promise_alpha)
        more = under_attack(outputs, alpha=self.alpha, promise=promise, level=level, rng=rng)
        return replace(found, measures=(*found.measures, *more))

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

        A judge that counts a pair as often as it stands would find the mark in the first ones. It is KGW with left
        hash, whatever mark is asked for: what is tried is the judge.
        """
        return _planted(rng, self.alpha, marked=False), _planted(rng, self.alpha, marked=True)

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return texts that hold a mark by a hair, or do not; see `audit.probes.provenance.trials`."""
        from audit.probes.provenance.trials import mark_trials

        return mark_trials(self, rng)

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies below one half: most texts do not carry the mark."""
        return result.headline.high is not None and result.headline.high < 0.5

    def _mark(self) -> tuple[str, Any]:
        """Return what may be told of the key, and the mark."""
        if self.key_file is not None:
            known, mark = read_text_key(self.key_file)
            return " ".join(known.told.values()), mark
        options = {"greenlist_ratio": self.greenlist_ratio, "bias": self.bias, "hashing_key": self._key()}
        mark = mark_of(self.mark, options)
        return str(mark.variant), mark

    def _keyed_otherwise(self, reader: Reader, texts: pd.Series[Any]) -> pd.DataFrame:
        """Return `known_p_value`, of the likeliest of the other keys with all of them counted, and `known_key`.

        The latter is the id of that key where it is found. Raises UsageError.
        """
        import numpy as np
        import pandas as pd

        known = [read_text_key(one) for one in self.known_keys]
        each = pd.DataFrame(
            {number: replace(reader, mark=mark).p_values(texts).astype(float) for number, (_, mark) in enumerate(known)}
        )
        best, tested = each.min(axis=1), each.notna().any(axis=1)
        p_value = -np.expm1(len(known) * np.log1p(-best.clip(upper=1 - 1e-16)))
        found = pd.DataFrame({"known_p_value": p_value.where(tested), "known_key": None}, texts.index, dtype=object)
        there = p_value.le(self.alpha)
        found.loc[there, "known_key"] = [known[number][0].id for number in each[there].idxmin(axis=1)]
        return found.where(found.notna(), None)

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
        """Return `output`, the draws of each item a line each, and `problem`, the first that a draw met, or null.

        Where the model told it, also `retokenised`, the share of drawn tokens that reading the output does not give.
        """
        import pandas as pd

        items = drawn[["content", "problem"]].groupby(drawn["item"] // self.draws)
        found = pd.DataFrame({"output": items["content"].agg("\n".join), "problem": items["problem"].first()})
        if "changed" in drawn:
            tokens = drawn["elements"].where(drawn["changed"].notna()).astype(float)
            sums = pd.DataFrame({"lost": drawn["changed"].astype(float) * tokens, "all": tokens})
            sums = sums.groupby(drawn["item"] // self.draws).sum()
            found["retokenised"] = sums["lost"] / sums["all"].replace(0, float("nan"))
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

    @property
    def _rewritten(self) -> dict[str, tuple[str, Sequence[str]]]:
        """Return the attacks that a helper makes: which one, and what it is asked one after the other."""
        asked = {"paraphrase": (self.paraphraser, (self.paraphrase_prompt,)),
                 "translate": (self.translator, self.translate_prompts)}  # fmt: skip
        return {kind: (helper, prompts) for kind, (helper, prompts) in asked.items() if helper is not None}

    def _rewrite(
        self, ask: Ask, texts: pd.Series[Any], helper: str, prompts: Sequence[str]
    ) -> list[str | None]:
        """Return what the helper makes of each text; the text where it says nothing, None where there is none."""
        made, most = dict(texts.dropna()), 2 * self.draws * self.max_tokens
        for prompt in prompts if made else ():
            asked = [prompt.replace("{text}", text) for text in made.values()]
            told = ask("sample", asked, model=helper, max_tokens=most, temperature=0)["content"]
            said = [text.strip() if isinstance(text, str) else "" for text in told]
            made = {name: new or text for (name, text), new in zip(made.items(), said, strict=True)}
        return [made.get(name) for name in texts.index]


def _planted(rng: np.random.Generator, alpha: float, *, marked: bool) -> Observed:
    """Return observations of texts over 63 ids; see `TextMark.controls`."""
    import numpy as np
    import pandas as pd

    from detectors.provenance.detection import read_texts
    from detectors.provenance.text.green import LeftHashLists, colours_of_pairs

    lists, other = (LeftHashLists(64, 0.25, key) for key in (15485863, 2654435769))
    before, after = np.indices((63, 63)).reshape(2, -1) + 1
    green = np.zeros((64, 64), dtype=bool)
    green[before, after] = colours_of_pairs(before, after, lists)
    texts = rng.integers(1, 64, size=(60, 200))
    if marked:
        for i in range(1, 200):  # the first of two candidates where it is green, else the second
            second, better = rng.integers(1, 64, size=60), green[texts[:, i - 1], texts[:, i]]
            texts[:, i] = np.where(better, texts[:, i], second)
    else:
        texts[:, 100:] = np.tile(np.argwhere(green)[0], 50)
    index = pd.Index([f"planted-{number}" for number in range(len(texts))], name="id")
    frame = pd.DataFrame({"text": index, "output": index}, index)
    frame = frame.join(read_texts(lists, texts, alpha).drop(columns="per_token").set_index(index))
    return {"items": frame.assign(other_p_value=read_texts(other, texts, alpha)["p_value"].to_numpy())}
