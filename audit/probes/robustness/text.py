"""Does a model answer the same when a question is typed badly, spaced or written otherwise, and means the same?

    choice     log P(" " + choice | prompt) of every given choice; the likeliest is the answer
    generate   the model's own words, up to the end of the line; a flip is right that becomes wrong, or wrong right
    predict    a classifier reads the text itself; the likeliest class is the answer

Each item is asked as it is and under each kind and strength of change (`detectors.robustness.kinds`); what changed
nothing is not asked. What a change draws depends on the item's id, kind and strength alone. Models that answer by
sampling answer the unchanged item once more, with another seed, so that flips stand beside what a seed does.
Paraphrases come with the items, or a helper makes them:

    helpers: {writer: {use: causal_lm, path: ./other-model}}
    probe: {use: robustness.text, mode: generate, paraphraser: writer}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.model import Continuation
from audit.probe import COUNT, SHARE, SHARE_GAP, Ask, Observed, Range, Role
from audit.probes.items import without_nan
from audit.probes.robustness.asked import Entry, Form, entries_of, frame_of, strengths_problem
from detectors.immutable import immutable
from detectors.phrases import Cause
from detectors.robustness.kinds import AGAIN, AS_IT_IS, TextKind

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["TextRobustness"]

_QUESTION, _CHOICES = "{question}", "{choices}"
_OTHER_WORDS = "Say the same question in other words: {question}\nIn other words:"


@immutable
class TextRobustness:
    """How often answers change when the text changes and what it asks does not, by kind and strength of change."""

    mode: Literal["choice", "generate", "predict"] = "choice"
    """`choice` takes the likeliest of the given choices, `generate` lets the model write, `predict` asks a classifier
    of texts."""
    kinds: tuple[TextKind, ...] = ("typos", "case", "blanks", "homoglyphs", "synonyms", "word_order")
    """What is changed; `option_order` goes with a prompt that shows the {choices}."""
    strengths: tuple[float, ...] = (0.2, 0.5)
    """Which shares of the words, blanks or letters that can be touched are, each in (0, 1]; one at the least."""
    prompt: str = "Question: {question}\nAnswer:"
    """What the model reads; `{question}` stands for the question, `{choices}` for its choices, a line each. A
    classifier reads the text alone."""
    system_prompts: tuple[str, ...] = ()
    """Texts that are put in front of the prompt, one at a time, and should change no answer."""
    synonyms: dict[str, str] = field(default_factory=dict)
    """Word -> what may stand for it, both ways; absent = a table of ours, English and Korean."""
    paraphraser: str | None = None
    """Helper that says each question in other words; absent = only the `paraphrases` of the items."""
    paraphrase_prompt: str = _OTHER_WORDS
    """What the helper reads."""
    asked_again: int = 1
    """With `generate`: how often the unchanged item is asked once more, with another seed each time; where
    `temperature` is 0 a seed changes nothing, but what an endpoint answers may."""
    temperature: float = 0.0
    """With `generate`: of the model's sampler; 0 takes the likeliest token."""
    rule: Literal["contains", "exact_match_numeric"] = "contains"
    """When a written answer is right: it names a right answer (and may say more), or it is one and nothing else."""
    max_tokens: int = 32
    """Length at which a written answer is cut."""

    name: ClassVar[str] = "robustness.text"
    dimension: ClassVar[str] = "robustness"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(
            {
                "question": "the question; for `choice` and `generate`",
                "text": "the text that is classified; for `predict`",
                "choices": "given answers; for `choice`",
                "correct": "indices of the true choices; absent = what is right is not known; for `choice`",
                "aliases": "right answers in all their spellings; absent = what is right is not known; for `generate`",
                "label": "name of the right class; for `predict`",
                "paraphrases": "the same in other words, a text or a list of texts",
                "group": "topic",
                "unit": "independent unit; absent = every item is its own",
            },
            optional=frozenset({
                "question", "text", "choices", "correct", "aliases", "label", "paraphrases", "group", "unit",
            }),
            lists=frozenset({"paraphrases"}),
        ),
    }  # fmt: skip
    measures: ClassVar[Mapping[str, Range]] = {
        "worst_flip_rate": SHARE, "worst_kept_flip_rate": SHARE, "flip_rate": SHARE,
        "worst_excess_flip_rate": SHARE_GAP, "noise_flip_rate": SHARE, "accuracy": SHARE,
        "worst_accuracy_drop": SHARE_GAP, "excess_flip_rate": SHARE_GAP, "accuracy_perturbed": SHARE,
        "accuracy_drop": SHARE_GAP, "confidence_drop": SHARE_GAP, "unchanged_share": SHARE, "not_asked": COUNT,
    }

    def __post_init__(self) -> None:
        """Refuse kinds, strengths and prompts that do not go together."""
        if problem := strengths_problem(self.kinds, self.strengths):
            raise ValueError(f"{self.name}: {problem}")
        if _QUESTION not in self.prompt or self.prompt != self.prompt.rstrip():
            got = f"prompt: got {self.prompt!r}"
            raise ValueError(f"{got}; allowed: a text with {_QUESTION} in it, and no blank at its end")
        if _QUESTION not in self.paraphrase_prompt:
            raise ValueError(f"paraphrase_prompt: got {self.paraphrase_prompt!r}; allowed: a text with {_QUESTION}")
        if "option_order" in self.kinds and (self.mode != "choice" or _CHOICES not in self.prompt):
            raise ValueError(f"kinds: option_order goes with mode choice and a prompt with {_CHOICES} in it")
        if self.asked_again < 0 or self.max_tokens < 1 or not self.temperature >= 0:
            got = f"asked_again {self.asked_again}, max_tokens {self.max_tokens}, temperature {self.temperature}"
            raise ValueError(f"{self.name}: got {got}; allowed: 0 or more, 1 or more, 0 or more")

    @property
    def needs(self) -> frozenset[str]:
        """`log_prob`, `sample` or `predict`, by mode."""
        return frozenset({{"choice": "log_prob", "generate": "sample", "predict": "predict"}[self.mode]})

    def estimate(self, items: int) -> int:
        """Return calls: each item under each change; with choices, of which sets have about four, four times that."""
        changes = len(self.kinds) * len(self.strengths) + len(self.system_prompts) + (self.paraphraser is not None)
        again = self.asked_again if self.mode == "generate" else 0
        return (4 if self.mode == "choice" else 1) * (1 + changes + again) * items

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items, `not_asked` (what an item lacks, or null), and lists with an entry for each of its forms.

        Those are `kinds`, `strengths`, `asked` (what was read; the item as it is comes first) and what was said, null
        where nothing had changed or no answer came: `log_probs` (nats, one per choice), `texts` or `probabilities`.
        And `names` of the classes, where a classifier tells them.
        """
        from detectors.arrays import objects

        rows = without_nan(items.reindex(columns=list(self.roles["items"].fields)))
        paraphrases = [[one] if isinstance(one, str) else one for one in rows["paraphrases"]]
        rows["paraphrases"] = objects(paraphrases, rows.index)
        rows["not_asked"] = [self._lacks(row) for row in rows.to_dict("records")]
        asked = rows[rows["not_asked"].isna()]
        made = self._paraphrased(ask, asked)
        entries = [
            list(entries_of(self._forms(str(name), row, more)))
            for (name, row), more in zip(asked.to_dict("index").items(), made, strict=True)
        ]
        told = {"choice": self._scored, "generate": self._written, "predict": self._classified}[self.mode]
        return without_nan(rows.join(frame_of(asked.index, entries).join(told(ask, asked, entries))))

    @property
    def _field(self) -> str:
        return "text" if self.mode == "predict" else "question"

    def _lacks(self, row: Mapping[Any, Any]) -> Cause | None:
        """Return why an item cannot be asked, or None."""
        if not row[self._field]:
            return Cause("no text is given to ask about")
        choices = row["choices"]
        if self.mode == "choice" and (choices is None or len(set(choices)) < max(2, len(choices))):
            return Cause("fewer than two different choices")
        if self.mode == "choice" and not all(0 <= one < len(choices) for one in row["correct"] or ()):
            return Cause("a true choice is outside 0 to {last}", last=len(choices) - 1)
        return None

    def _paraphrased(self, ask: Ask, asked: pd.DataFrame) -> list[str | None]:
        """Return what the helper makes of each item, the item itself where it says nothing; None without a helper."""
        if self.paraphraser is None or asked.empty:
            return [None] * len(asked)
        prompts = [self.paraphrase_prompt.replace(_QUESTION, text) for text in asked[self._field]]
        told = ask(
            "sample", prompts, model=self.paraphraser, max_tokens=2 * self.max_tokens, temperature=0, stop=["\n"]
        )
        said = [text.strip() if isinstance(text, str) else "" for text in told["content"]]
        return [text or own for text, own in zip(said, asked[self._field], strict=True)]

    def _forms(self, name: str, row: Mapping[Any, Any], made: str | None) -> Iterator[Form]:
        """Yield (kind, strength, what is read) of an item, the one as it is first."""
        from detectors.changes.synonyms import SYNONYMS, both_ways
        from detectors.changes.writing import changed_text, reordered
        from detectors.distortions import generator_of

        text, choices = row[self._field], list(row["choices"]) if row["choices"] is not None else []
        plain = self._prompt(text, choices)
        yield AS_IT_IS, 0.0, plain
        for _ in range(self.asked_again if self.mode == "generate" else 0):
            yield AGAIN, 0.0, plain
        table = both_ways(self.synonyms) if self.synonyms else SYNONYMS
        for kind in self.kinds:
            for strength in self.strengths if kind != "option_order" else (1.0,):
                rng = generator_of(f"{name} {kind} {strength:g}")
                if kind == "option_order":
                    yield kind, strength, self._prompt(text, reordered(choices, rng))
                else:
                    yield kind, strength, self._prompt(changed_text(kind, text, strength, rng, table), choices)
        for number, system in enumerate(self.system_prompts, 1):
            yield "system_prompt", float(number), f"{system}\n\n{plain}"
        given = row["paraphrases"] or []
        for number, other in enumerate([*given, *([made] if made else [])], 1):
            yield "paraphrase", float(number), self._prompt(other, choices)

    def _prompt(self, text: str, choices: Sequence[str]) -> str:
        if self.mode == "predict":
            return text
        listed = "\n".join(f"- {choice}" for choice in choices)
        parts = {_QUESTION: text, _CHOICES: listed}
        first, *rest = self.prompt.split(_CHOICES)
        return parts[_CHOICES].join(one.replace(_QUESTION, text) for one in [first, *rest])

    def _scored(self, ask: Ask, asked: pd.DataFrame, entries: Sequence[Sequence[Entry]]) -> pd.DataFrame:
        """Ask for all choices under all forms at once."""
        choices = [list(row) for row in asked["choices"]]
        items = [
            Continuation(entry.shown, f" {choice}")
            for row, each in zip(choices, entries, strict=True) for entry in each if entry.changed for choice in row
        ]
        nats = iter(ask("log_prob", items)["log_prob"] if items else ())
        cells = [
            [[_number(next(nats)) for _ in row] if entry.changed else None for entry in each]
            for row, each in zip(choices, entries, strict=True)
        ]
        return _column("log_probs", cells, asked)

    def _written(self, ask: Ask, asked: pd.DataFrame, entries: Sequence[Sequence[Entry]]) -> pd.DataFrame:
        """Let the model write an answer to each form."""
        prompts = [entry.shown for each in entries for entry in each if entry.changed]
        options: dict[str, Any] = {"max_tokens": self.max_tokens, "temperature": self.temperature, "stop": ["\n"]}
        told = iter(ask("sample", prompts, **options)["content"] if prompts else ())
        cells = [[_text(next(told)) if entry.changed else None for entry in each] for each in entries]
        return _column("texts", cells, asked)

    def _classified(self, ask: Ask, asked: pd.DataFrame, entries: Sequence[Sequence[Entry]]) -> pd.DataFrame:
        """Ask a classifier about each form."""
        from audit.probes.robustness.asked import classified

        return classified(self.name, ask, entries, asked)

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.robustness.stability`."""
        from audit.probes.robustness.asked import judged_answers
        from audit.probes.robustness.told import said_by_choices, said_by_classes, said_in_words

        rows = observed["items"]
        if self.mode == "choice":
            return judged_answers(rows, *said_by_choices(rows), level=level, rng=rng)
        if self.mode == "predict":
            return judged_answers(rows, *said_by_classes(rows), level=level, rng=rng)
        return judged_answers(rows, *said_in_words(rows, self.rule), level=level, rng=rng)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 120 items of which a third flip under strong typos, and such that flip under nothing.

        In both the answers' numbers move under every change; in the clean twin what was never changed, and so not
        asked, stands beside.
        """
        from audit.probes.robustness.trials import text_control

        return text_control(self, rng, faulty=True), text_control(self, rng, faulty=False)

    def found(self, result: Result) -> bool:
        """Tell whether some kind of change surely flips more than a tenth of the answers."""
        return result.headline.low is not None and result.headline.low > 0.1

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return items whose answers stay, and such of which two shares flip; see `audit.probes.robustness.trials`."""
        from audit.probes.robustness.trials import text_trials

        return text_trials(self, rng)


def _column(name: str, cells: list[Any], asked: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    from detectors.arrays import objects

    return pd.DataFrame({name: objects(cells, asked.index)})


def _number(nats: float) -> float | None:
    return None if nats != nats else float(nats)


def _text(content: Any) -> str | None:
    return content if isinstance(content, str) else None
