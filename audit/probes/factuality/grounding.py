"""Is what the model says borne out by what it was given to read, and by which sentence of it?

    claims of the answer x passages -> supported, conflicting or absent, each with both places and what decided

Answers come from the model, asked with the passages in its prompt, or from the data. The passages stand with each
question, or are searched for in `corpus`: by words, and by vectors where the plan has a helper `embedder`. Rules judge
always; a helper `verifier` (`lexical_verifier`, or a folder by `verifier`) is asked beside them where the plan has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import DataError
from audit.probe import AUROC, COUNT, SHARE, SHARE_GAP, SIGNED, Ask, Observed, Range, Role
from audit.probes.factuality.verifying import VERIFIER, verified
from audit.probes.items import without_nan
from audit.probes.passages import check_prompt, laid_out, passages_of
from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from audit.retrieval import Retriever
    from detectors.result import Result

__all__ = ["Grounding"]

EMBEDDER = "embedder"
"""The helper's name in a plan."""
Search = Callable[[Sequence[str]], list[list[str]]]
"""Questions -> the passages of each."""
_OBSERVED = ("not_asked", "finish", "problem", "cited", "verified")
"""What is observed of a question beside the fields of the data."""


@immutable
class Grounding:
    """Share of a model's claims that its evidence does not bear out, claim by claim, with both places."""

    prompt: str = (
        "Answer from the passages alone. If they do not tell, answer: I don't know.\n\n"
        "{passages}\n\nQuestion: {question}\nAnswer:"
    )
    """What the model reads; `{passages}` stands for the passages, numbered from [1], `{question}` for the question."""
    answers: Literal["model", "given"] = "model"
    """`model` asks; `given` takes answers made elsewhere from the column `answer` of the data."""
    passages: int = 5
    """How many passages of `corpus` are given for a question that brings none."""
    supported_at: float = 0.5
    """A claim is supported from this entailment on, where a verifier is asked."""
    conflicting_at: float = 0.5
    """One that is not supported is conflicting from this contradiction on, where a verifier is asked."""
    max_tokens: int = 160
    """Length at which an answer is cut; it ends at an empty line, too."""

    name: ClassVar[str] = "factuality.grounding"
    dimension: ClassVar[str] = "factuality"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(
            {
                "prompt": "the question",
                "context": "passages to read, listed or in a text parted by empty lines; absent = from `corpus`",
                "answer": "answer made elsewhere, citing passages as [1] if at all; for `given`",
                "citations": "passages it cites, from 1 on: a list for each sentence, or one for all; for `given`",
                "reference": "right answer; for context recall and precision",
                "label": "1 = the answer is borne out, 0 = it is not, as people say",
                "group": "topic",
                "unit": "independent unit; absent = every prompt is its own",
            },
            optional=frozenset({"context", "answer", "citations", "reference", "label", "group", "unit"}),
            lists=frozenset({"context", "reference"}),
        ),
        "corpus": Role({"text": "a passage"}, required=False, searched=True),
    }
    measures: ClassVar[Mapping[str, Range]] = {
        "unsupported_share": SHARE, "conflicting_share": SHARE, "absent_share": SHARE, "grounded_share": SHARE,
        "mean_support": SHARE, "least_support": SHARE, "summac_zs": SHARE_GAP, "factscore": SHARE, "f1_at_k": SHARE,
        "response_share": SHARE, "citation_recall": SHARE, "citation_precision": SHARE, "context_recall": SHARE,
        "context_precision": SHARE, "auroc_supported": AUROC, "auroc_of_length": AUROC,
        "auroc_above_length": SIGNED, "claims_per_answer": Range("claims", 0), "error_share": SHARE,
        "not_asked": COUNT,
    }

    def __post_init__(self) -> None:
        """Refuse a prompt without its places, counts below one and thresholds that are none."""
        check_prompt(self.prompt)
        if self.passages < 1 or self.max_tokens < 1:
            got = f"passages {self.passages}, max_tokens {self.max_tokens}"
            raise ValueError(f"{self.name}: got {got}; allowed: 1 or more of each")
        for option in ("supported_at", "conflicting_at"):
            if not 0 < getattr(self, option) <= 1:
                raise ValueError(f"{option}: got {getattr(self, option)}; allowed: above 0, up to 1")

    @property
    def needs(self) -> frozenset[str]:
        """Samples, where a model is asked."""
        return frozenset({"sample"} if self.answers == "model" else ())

    def estimate(self, items: int) -> int:
        """Return the calls of the audited model; how many claims there are for a verifier is known when it answered."""
        return items if self.answers == "model" else 0

    def informed(self, before: Observed) -> _Searching | Grounding:
        """Return what observes the questions when the passages are known."""
        if (corpus := before.get("corpus")) is None or corpus.empty:
            return self
        return _Searching(self, corpus)

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items with what was read and said of them; of `corpus` the passages, with vectors if there are.

        `context` (passages), `answer`, `finish`, `problem`, `not_asked` (what an item lacks, or null), `cited` (of each
        sentence the passages from 0 on) and `verified`: what the verifier said of claims and passages, null without it.
        """
        if role == "corpus":
            return _with_vectors(ask, items)
        return self.observed(ask, items, None)

    def observed(self, ask: Ask, items: pd.DataFrame, search: Search | None) -> pd.DataFrame:
        """Return what `observe` does, with passages found for the questions that bring none."""
        import pandas as pd

        fields = [*self.roles["items"].fields]
        cells = without_nan(items.reindex(columns=fields)).to_numpy()
        rows = [dict(zip(fields, one, strict=True)) for one in cells]
        for row, passages in zip(rows, _contexts(rows, search), strict=True):
            row["context"] = passages
            row["reference"] = [row["reference"]] if isinstance(row["reference"], str) else row["reference"]
            row |= {"not_asked": self._lacks(row), "finish": None, "problem": None}
        asked = [row for row in rows if row["not_asked"] is None]
        if self.answers == "model" and asked:
            self._answer(ask, asked)
        for name, row in zip(items.index, rows, strict=True):
            row["cited"] = self._cited(name, row)
        _verify(ask, rows)
        told = [*(name for name in fields if name != "citations"), *_OBSERVED]
        return pd.DataFrame({name: [row[name] for row in rows] for name in told}, items.index, dtype=object)

    def _cited(self, name: Any, row: Mapping[Any, Any]) -> list[list[int]] | None:
        """Return the passages that each sentence of an answer cites; null where nothing was asked."""
        from detectors.factuality.grounded_claims import citations_beside, citations_in

        if row["not_asked"] is not None:
            return None
        if self.answers == "model" or row["citations"] is None:
            return citations_in(row["answer"] or "")
        try:
            return citations_beside(row["answer"], row["citations"])
        except ValueError as error:
            raise DataError(f"{self.name}: item {name!r} has {error}") from None

    def _lacks(self, row: Mapping[Any, Any]) -> Cause | None:
        if not row["context"]:
            return Cause("it has no passages")
        if self.answers == "given" and row["answer"] is None:
            return Cause("it has no answer")
        return None

    def _answer(self, ask: Ask, asked: Sequence[dict[str, Any]]) -> None:
        """Let the model answer from the passages."""
        prompts = [laid_out(self.prompt, str(row["prompt"]), row["context"]) for row in asked]
        stop = ["\n\n", "\nQuestion:"]
        told = ask("sample", prompts, max_tokens=self.max_tokens, temperature=0, stop=stop)
        for row, cells in zip(asked, without_nan(told[["content", "finish", "problem"]]).to_numpy(), strict=True):
            row["answer"], row["finish"], row["problem"] = cells

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.factuality.grounded_answers`; DataError for a label that is not 0 or 1."""
        from detectors.arrays import objects
        from detectors.factuality.grounded_answers import grounding_of_answers

        items = observed["items"]
        labels = objects([_label(one) for one in items["label"]], items.index)
        return grounding_of_answers(
            items.assign(label=labels.astype(float)), level=level, rng=rng, supported_at=self.supported_at,
            conflicting_at=self.conflicting_at,
        )

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 24 answers of two claims, in one of which a number was changed, and such with both copied.

        Each is observed with the passage that is found for its question.
        """
        from audit.probes.factuality.grounding_trials import control

        given = replace(self, answers="given", passages=1)
        return control(given, faulty=True), control(given, faulty=False)

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies above a tenth of the claims."""
        return result.headline.low is not None and result.headline.low > 0.1

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return questions of which no claim, some or most are not borne out; judged by rules, then by a verifier."""
        from audit.probes.factuality.grounding_trials import trials_of_grounding

        return trials_of_grounding(rng, given=self.answers == "given")


@immutable
class _Searching:
    """The probe, when the passages to search are known."""

    probe: Grounding
    corpus: pd.DataFrame

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return what the probe observes, with passages found for the questions that bring none."""
        return self.probe.observed(ask, items, lambda questions: self._found(ask, questions))

    def _found(self, ask: Ask, questions: Sequence[str]) -> list[list[str]]:
        vectors: Sequence[Any] = [None] * len(questions)
        if "embedding" in self.corpus:
            vectors = ask("embed", list(questions), model=EMBEDDER)["embedding"].tolist()
        texts = self.corpus["text"].tolist()
        return [
            [texts[place] for place in self._index.search(question, self.probe.passages, vector=vector)]
            for question, vector in zip(questions, vectors, strict=True)
        ]

    @cached_property
    def _index(self) -> Retriever:
        import numpy as np

        from audit.retrieval import Retriever

        vectors = self.corpus.get("embedding")
        made = None if vectors is None else np.array([list(one) for one in vectors], dtype=float)
        return Retriever(self.corpus["text"].tolist(), made)


def _with_vectors(ask: Ask, items: pd.DataFrame) -> pd.DataFrame:
    """Return the passages of a corpus, with the vectors that the helper `embedder` makes of them, if there is one."""
    passages = items[["text"]].copy()
    if ask.can("embed", model=EMBEDDER):
        passages["embedding"] = ask("embed", passages["text"].tolist(), model=EMBEDDER)["embedding"].tolist()
    return passages


def _contexts(rows: Sequence[Mapping[str, Any]], search: Search | None) -> list[list[str]]:
    """Return the passages of every question: its own, or those that are found for it."""
    own = [passages_of(row["context"]) for row in rows]
    without = [place for place, passages in enumerate(own) if not passages]
    if search is not None and without:
        found = search([rows[place]["prompt"] for place in without])
        for place, passages in zip(without, found, strict=True):
            own[place] = passages
    return own


def _verify(ask: Ask, rows: Sequence[dict[str, Any]]) -> None:
    """Let a verifier say something of all pairs; without answer, of the reference's."""
    from detectors.factuality.grounded_claims import pairs_of

    for row in rows:
        row["verified"] = None
    if not ask.can("verify", model=VERIFIER):
        return
    asked = [row for row in rows if row["not_asked"] is None]
    wanted = [
        pairs_of(row["answer"] or "", row["prompt"] or "", row["context"], list(row["reference"] or ()), row["cited"])
        for row in asked
    ]
    told = verified(ask, list(zip((row["context"] for row in asked), wanted, strict=True)))
    for row, some in zip(asked, told, strict=True):
        row["verified"] = some


def _label(cell: Any) -> float | None:
    """Return a label as a number; raises DataError for one that is neither 0 nor 1."""
    if cell is None or cell != cell:
        return None
    try:
        number = float(cell)
    except ValueError:
        number = -1.0
    if number not in (0.0, 1.0):
        raise DataError(f"factuality.grounding: got the label {str(cell)[:60]!r}; allowed: 1 (borne out) or 0 (not)")
    return number
