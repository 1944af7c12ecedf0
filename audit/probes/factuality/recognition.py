"""Does the model know invented content when it reads it? Answers that people labelled are shown to it.

    likelihood    log P(" Yes" | prompt) and log P(" No" | prompt); the likelier is what it says
    generate      the model's own first word, most likely token first

After HaluEval (Li et al. 2023, 2305.11747), whose instructions are longer. A model that always says the same word, and
one that goes by the answer's length, are the baselines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import DataError
from audit.model import Continuation
from audit.probe import AUROC, COUNT, SHARE, SHARE_GAP, SIGNED, Ask, Observed, Range, Role
from audit.probes.items import without_nan
from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Answer, Trial
    from detectors.result import Result

__all__ = ["Recognition"]

_PLACES = ("{prompt}", "{answer}", "{context}")
_PROMPT = (
    "Question: {prompt}\nAnswer: {answer}\nDoes the answer contain anything false, or anything that cannot be known? "
    "Say Yes or No.\nSay:"
)


@immutable
class Recognition:
    """Share of answers, some of them with invented content, that the model calls by the right name."""

    mode: Literal["likelihood", "generate"] = "likelihood"
    """`likelihood` compares the two words, `generate` lets the model write."""
    prompt: str = _PROMPT
    """What the model reads; `{prompt}`, `{answer}` and `{context}` stand for the fields."""
    yes: str = "Yes"
    """The word for an answer with invented content."""
    no: str = "No"
    """The word for an answer without."""
    max_tokens: int = 8
    """Length at which what the model writes is cut."""

    name: ClassVar[str] = "factuality.recognition"
    dimension: ClassVar[str] = "factuality"
    repeatable: ClassVar[bool] = True
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(
            {
                "prompt": "what was asked",
                "answer": "the answer that is shown",
                "context": "what the answer is held against; for a prompt that shows it",
                "label": "1 = right, 0 = with invented content",
                "group": "kind of task",
                "unit": "independent unit, e.g. the question of a right and an invented answer; absent = the answer",
            },
            optional=frozenset({"prompt", "context", "group", "unit"}), repeats=True,
        ),
    }
    measures: ClassVar[Mapping[str, Range]] = {
        "accuracy": SHARE, "accuracy_above_constant": SHARE_GAP, "accuracy_above_length": SHARE_GAP, "recall": SHARE,
        "precision": SHARE, "specificity": SHARE, "says_share": SHARE, "auroc": AUROC, "auroc_above_length": SIGNED,
        "constant_accuracy": SHARE, "length_accuracy": SHARE, "unparseable_share": SHARE, "error_share": SHARE,
        "not_asked": COUNT,
    }

    def __post_init__(self) -> None:
        """Refuse a prompt without a place for the answer or with a blank at its end, and two words that are one."""
        if "{answer}" not in self.prompt:
            raise ValueError(f"prompt: got {self.prompt!r}; allowed: a text with {{answer}} in it")
        if self.prompt != self.prompt.rstrip():
            raise ValueError(f"prompt: got {self.prompt!r}; allowed: no blank at the end, the answer brings its own")
        if not self.yes.strip() or not self.no.strip() or self.yes.casefold() == self.no.casefold():
            raise ValueError(f"yes, no: got {self.yes!r} and {self.no!r}; allowed: two words that differ")
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens: got {self.max_tokens}; allowed: 1 or more")

    @property
    def needs(self) -> frozenset[str]:
        """`log_prob` for `likelihood`, `sample` for `generate`."""
        return frozenset({"log_prob" if self.mode == "likelihood" else "sample"})

    def estimate(self, items: int) -> int:
        """Return calls: two per answer that are scored, one that is written."""
        return 2 * items if self.mode == "likelihood" else items

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items, `not_asked` (what an item lacks, or null) and what the model said.

        That is `yes` and `no` (nats, null = not scored) for `likelihood`; `text` and `finish` for `generate`. Raises
        DataError for a label that is neither 0 nor 1.
        """
        rows = without_nan(items.reindex(columns=list(self.roles["items"].fields)))
        for name, label in rows["label"].items():
            if label not in ("0", "1"):
                raise DataError(f"{self.name}: item {name!r} has the label {label!r}; allowed: 0 or 1")
        rows["not_asked"] = [self._lacks(row) for row in rows.to_dict("records")]
        asked = rows[rows["not_asked"].isna()]
        prompts = [self._told(row) for row in asked.to_dict("records")]
        said = self._scored(ask, prompts) if self.mode == "likelihood" else self._written(ask, prompts)
        return without_nan(rows.join(said.set_index(asked.index)))

    def _lacks(self, row: Mapping[Any, Any]) -> Cause | None:
        for field in ("prompt", "context"):
            if f"{{{field}}}" in self.prompt and row[field] is None:
                return Cause("the item has no {field}, which the prompt shows", field=field)
        return None

    def _told(self, row: Mapping[Any, Any]) -> str:
        """Return the prompt with its places filled at once, so that what an answer says is no place."""
        return re.sub("|".join(map(re.escape, _PLACES)), lambda found: str(row[found[0][1:-1]]), self.prompt)

    def _scored(self, ask: Ask, prompts: list[str]) -> pd.DataFrame:
        import pandas as pd

        pairs = [Continuation(prompt, f" {word}") for prompt in prompts for word in (self.yes, self.no)]
        nats = ask("log_prob", pairs)["log_prob"].astype(float).tolist() if pairs else []
        return pd.DataFrame({"yes": nats[::2], "no": nats[1::2]}, dtype=object)

    def _written(self, ask: Ask, prompts: list[str]) -> pd.DataFrame:
        import pandas as pd

        if not prompts:
            return pd.DataFrame(columns=["text", "finish"])
        answers = ask("sample", prompts, max_tokens=self.max_tokens, temperature=0, stop=["\n"])
        return answers[["content", "finish"]].rename(columns={"content": "text"})

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.factuality.recognition`."""
        from detectors.factuality.recognition import recognition

        return recognition(self._called(observed["items"]), level=level, rng=rng)

    def _called(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame with `calls` (1 = invented, 0 = not, null = neither), `score` (nats) and `outcome`."""
        import numpy as np
        import pandas as pd

        if self.mode == "likelihood":
            score = pd.to_numeric(frame["yes"]).astype(float) - pd.to_numeric(frame["no"]).astype(float)
            calls = score.gt(0).astype(float).where(score.notna() & score.ne(0))
            failed = score.isna()
        else:
            score = pd.Series(np.nan, frame.index)
            calls = pd.Series([self._parsed(text) for text in frame["text"]], frame.index, dtype=float)
            failed = frame["finish"].eq("error") | frame["text"].isna()
        return frame.assign(calls=calls, score=score, outcome=failed.map({True: "error", False: None}))

    def _parsed(self, text: str | None) -> float:
        """Return 1 for the word for yes, 0 for that for no, NaN where neither or both are said."""
        said = [
            re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text or "", re.IGNORECASE) is not None
            for word in (self.yes, self.no)
        ]
        return float(said[0]) if said[0] != said[1] else float("nan")

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 200 answers, half of them invented, of which it calls one in five rightly, and the same with four.

        The fault is planted where a wrong judge would miss it: the model says yes as often as no in both, surely where
        it is wrong, and the invented answers are the longer ones.
        """
        return self._planted(40), self._planted(160)

    def _planted(self, right: int) -> Observed:
        import numpy as np
        import pandas as pd

        number = np.arange(200)
        invented, agrees = number % 2 == 1, number < right
        says = invented == agrees
        texts = ["long " * (3 + one) for one in invented]
        frame = pd.DataFrame({
            "prompt": "planted", "answer": texts, "context": None, "label": np.where(invented, "0", "1"), "group": None,
            "unit": None, "not_asked": None, "yes": np.where(says, -1.0, -3.0), "no": np.where(says, -3.0, -1.0),
            "text": np.where(says, self.yes, self.no), "finish": "stop",
        }, index=pd.Index([f"planted-{one}" for one in number], name="id"), dtype=object)  # fmt: skip
        return {"items": frame}

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies below one half: worse than tossing a coin."""
        return result.headline.high is not None and result.headline.high < 0.5

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return 96 answers in 32 units, half of the units invented, of which 26, 17, or 8 are called rightly.

        Every answer has its own words, so what is said of another shows. Fewer of the invented ones are missed than of
        the others are called invented, and all of them are a word longer.
        """
        return [self._trial(rng, dose, missed) for dose, missed in enumerate(((2, 4), (6, 9), (10, 14)))]

    def _trial(self, rng: np.random.Generator, dose: int, missed: tuple[int, int]) -> Trial:
        import numpy as np
        import pandas as pd

        from audit.probe import Known, Trial, auroc_of, mean_of, overall

        unit = np.tile(np.arange(_TRIED), 3)
        invented, place = unit % 2 == 1, unit // 2
        says = np.where(invented, place >= missed[0], place < missed[1])
        answers = [f"answer {number:03}{' more' * longer}" for number, longer in enumerate(invented.tolist())]
        heard = {self._told({"prompt": "q", "answer": text, "context": None}): bool(said)
                 for text, said in zip(answers, says, strict=True)}  # fmt: skip
        frame = pd.DataFrame({
            "prompt": "q", "answer": answers, "label": np.where(invented, "0", "1"),
            "unit": [f"unit {one}" for one in unit],
        }).rename_axis("id").rename(index=str).iloc[rng.permutation(len(unit))]  # fmt: skip
        right, half = says == invented, _TRIED // 2
        known = {
            "accuracy": mean_of(right, _TRIED), "accuracy_above_constant": mean_of(right - (~invented).astype(float)),
            "recall": mean_of(says[invented], half), "specificity": mean_of(~says[~invented], half),
            "precision": mean_of(invented[says], int(says[:_TRIED].sum())), "says_share": mean_of(says, _TRIED),
            "constant_accuracy": Known(0.5, certain=True), "length_accuracy": Known(1.0, certain=True),
        }  # fmt: skip
        if self.mode == "likelihood":
            ranked = auroc_of(says[~invented], says[invented]).value
            known |= {"auroc": Known(ranked), "auroc_above_length": Known(ranked - 1)}
        return Trial(dose > 0, {"items": frame}, self._script(heard), overall(known))

    def _script(self, heard: Mapping[str, bool]) -> dict[tuple[str, str], Answer]:
        """Return the script that says yes or no to each prompt, or finds one of both likelier."""
        from audit.probe import likely_as

        def sample(prompts: Sequence[str]) -> Mapping[str, Any]:
            said = [self.yes if heard[one] else self.no for one in prompts]
            return {"content": said, "finish": "stop", "problem": None}

        nats = likely_as(lambda item: -1.0 if heard[item.prompt] == (item.text.strip() == self.yes) else -2.0)
        return {("main", "log_prob"): nats, ("main", "sample"): sample}


_TRIED = 32
