"""Which of the sources in its prompt drove an answer, and how faithful is the method that says so?

    log p(answer | question, the sources of a mask), under masks that are drawn, and under those that a method's own
    order of the sources asks for -> weights of the sources, and measures of how true these are

The answer is the model's own, or one made elsewhere. Which masks are drawn depends on the question's id alone. With
`planted`, questions about made-up facts stand beside, each told by one source: a method that misses it has no say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.probe import AUROC, COUNT, NATS, NATS_GAP, SHARE, SHARE_GAP, SIGNED, Ask, Observed, Range, Role
from audit.probes.items import without_nan
from audit.probes.passages import check_prompt, laid_out, passages_of
from audit.probes.transparency.asking import (
    BY_GRADIENTS,
    METHODS,
    Question,
    ask_about,
    ask_gradients,
    count_tokens,
    gradient_columns,
)
from audit.seeds import rng_for
from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result
    from detectors.transparency.masks import Drawn

__all__ = ["AttributionToSources"]

_LISTS = frozenset({"context", "gold", "ids"})
_FIELDS = {
    "prompt": "the question",
    "context": "its sources: passages or sentences, listed or in a text parted by empty lines",
    "answer": "answer made elsewhere; for `given`",
    "gold": "ids of the sources that hold the answer",
    "ids": "ids of the sources; absent = their places, from 0",
    "unit": "independent unit; absent = every question is its own",
}
_COLUMNS = (
    "prompt", "context", "answer", "gold", "unit", "not_asked", "problem",
    "tokens", "masks", "log_prob", "fitted", "held_out", "orders",
)  # fmt: skip
"""Of what is observed."""


@immutable
class AttributionToSources:
    """How faithfully a method tells which sources in the prompt drove an answer, tried on masks and planted facts."""

    methods: tuple[
        Literal[
            "contextcite", "leave_one_out", "shapley", "gradient_x_input", "integrated_gradients",
            "integrated_gradients_mean",
        ], ...
    ] = ("contextcite",)
    """Who says which source drove an answer; the first is judged, the others stand beside it as groups."""
    prompt: str = (
        "Answer from the passages alone, in a few words.\n\n{passages}\n\nQuestion: {question}\nAnswer:"
    )
    """What the model reads; `{passages}` stands for the sources, numbered from [1], `{question}` for the question."""
    answers: Literal["model", "given"] = "model"
    """`model` asks for its likeliest answer; `given` takes answers made elsewhere from the column `answer`."""
    masks: int = 32
    """Masks that ContextCite is fitted to; each keeps every source with probability one half."""
    held_out: int = 16
    """Other masks, on which what a method predicts is tried; a quarter of all masks at most."""
    orders: int = 16
    """Orders of the sources that Shapley values are estimated from where there are more than 8, each both ways."""
    steps: int = 32
    """Points of the integral of integrated gradients, each a pass forth and back."""
    top: int = 1
    """How many sources are taken away, or left alone, at once."""
    memory: float = 1.0
    """An answer whose log p falls by fewer nats without any source is from the model's own memory."""
    max_tokens: int = 48
    """Length at which an answer is cut; it ends at an empty line, too."""

    name: ClassVar[str] = "transparency.attribution"
    dimension: ClassVar[str] = "transparency"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(_FIELDS, frozenset({"answer", "gold", "ids", "unit"}), lists=_LISTS),
        "planted": Role(_FIELDS, frozenset({"ids", "unit"}), required=False, lists=_LISTS),
    }
    measures: ClassVar[Mapping[str, Range]] = {
        "lds": SIGNED, "top_drop": NATS, "comprehensiveness": SHARE_GAP, "sufficiency": SHARE_GAP,
        "deletion_auc": AUROC, "insertion_auc": AUROC, "gold_first_share": SHARE, "gold_first_chance": SHARE,
        "completeness_gap": NATS_GAP, "planted_first_share": SHARE, "planted_first_chance": SHARE,
        "memory_share": SHARE, "not_asked": COUNT,
    }

    def __post_init__(self) -> None:
        """Refuse a prompt without its places, methods that are none or come twice, and counts too small."""
        check_prompt(self.prompt)
        if not self.methods or len(set(self.methods)) < len(self.methods) or not {*self.methods} <= {*METHODS}:
            got = ", ".join(map(str, self.methods)) or "none"
            raise ValueError(f"methods: got {got}; allowed: one or more of {', '.join(METHODS)}, each once")
        if min(self.masks, self.held_out, self.orders, self.top, self.max_tokens) < 1 or self.masks < 8:
            got = f"masks {self.masks}, held_out {self.held_out}, orders {self.orders}, top {self.top}"
            raise ValueError(f"{self.name}: got {got}, max_tokens {self.max_tokens}; allowed: 8 masks, 1 of the others")
        if self.steps < 1:
            raise ValueError(f"steps: got {self.steps}; allowed: 1 or more")
        if not self.memory > 0:
            raise ValueError(f"memory: got {self.memory:g}; allowed: more than 0")

    @property
    def needs(self) -> frozenset[str]:
        """Likelihoods of a continuation and its tokens; samples, where a model is asked; for some methods gradients."""
        more = {"sample": self.answers == "model", "token_attributions": bool(self._gradients)}
        return frozenset({"log_prob", "trace", *(question for question, wanted in more.items() if wanted)})

    @property
    def _gradients(self) -> list[str]:
        return [one for one in self.methods if one in BY_GRADIENTS]

    def drawn(self, question: str, sources: int) -> Drawn:
        """Return the masks of a question that are drawn by lot: by its id and number of sources, and nothing else."""
        from detectors.transparency.masks import draw

        return draw(sources, self.masks, self.held_out, self.orders, rng_for(0, self.name, question))

    def estimate(self, items: int) -> int:
        """Return the calls for questions of five sources; which curves are asked about is known when weights are."""
        return items * (self.masks + self.held_out + 12)

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the questions with `context` (sources), `gold` (their places), `answer`, `problem`, `not_asked`, and
        `tokens` of the answer, `masks` with `log_prob`, and what was drawn: `fitted`, `held_out`, `orders`.

        Of `planted` the answer is always that of the data: it is the made-up fact.
        """
        import pandas as pd

        own = role == "items" and self.answers == "model"
        cells = without_nan(items.reindex(columns=list(_FIELDS))).to_numpy()
        rows = [_read(dict(zip(_FIELDS, one, strict=True)), answered=not own) for one in cells]
        asked = {name: row for name, row in zip(items.index, rows, strict=True) if row["not_asked"] is None}
        if own and asked:
            self._answer(ask, list(asked.values()))
        for row in asked.values():
            if row["problem"] is None and not _says(row["answer"]):
                row["problem"] = Cause("no answer")
        self._score(ask, {name: row for name, row in asked.items() if row["problem"] is None}, own=own)
        asked_for = [*_COLUMNS, *gradient_columns(self._gradients)]
        told = {name: [row.get(name) for row in rows] for name in asked_for}
        return pd.DataFrame(told, items.index, dtype=object)

    def _answer(self, ask: Ask, rows: Sequence[dict[str, Any]]) -> None:
        """Let the model answer with all sources."""
        prompts = [laid_out(self.prompt, str(row["prompt"]), row["context"]) for row in rows]
        told = ask("sample", prompts, max_tokens=self.max_tokens, temperature=0, stop=["\n\n", "\nQuestion:"])
        columns = (told[name] for name in ("content", "finish", "problem"))
        for row, text, finish, why in zip(rows, *columns, strict=True):
            row["answer"] = text if isinstance(text, str) else None
            if finish == "error":
                row["problem"] = why if isinstance(why, str) else Cause("no answer")

    def _score(self, ask: Ask, rows: Mapping[Any, dict[str, Any]], *, own: bool) -> None:
        """Score the answers: under masks that were drawn, then under those that each method's order asks for."""
        from detectors.transparency.attribution import scored_of
        from detectors.transparency.faithfulness import curve_masks
        from detectors.transparency.methods import attribute

        questions = [
            Question(
                self.prompt, str(row["prompt"]), row["context"], row["answer"] if own else f" {row['answer']}",
                self.drawn(str(name), len(row["context"])),
            )
            for name, row in rows.items()
        ]
        count_tokens(ask, questions)
        ask_gradients(ask, questions, self._gradients, self.steps)
        ask_about(ask, questions, [self._masks(one) for one in questions])
        told = [(one, scored) for one in questions if (scored := scored_of(one.cells())) is not None]
        for method in self.methods:
            found = attribute(method, [scored for _, scored in told])
            curves = [[mask for masks in curve_masks(each.order) for mask in masks] for each in found]
            ask_about(ask, [one for one, _ in told], curves)
        for row, one in zip(rows.values(), questions, strict=True):
            row |= one.cells()

    def _masks(self, one: Question) -> list[str]:
        """Return the masks that are asked about before any weight is known."""
        from detectors.transparency.methods import masks_of

        size = len(one.sources)
        wanted = [mask for method in self.methods for mask in masks_of(method, size, one.drawn)]
        return ["1" * size, "0" * size, *one.drawn.held_out, *one.drawn.fitted, *wanted]

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.transparency.attribution`."""
        from detectors.transparency.attribution import attribution

        told = {role: without_nan(frame) for role, frame in observed.items()}
        return attribution(told, methods=self.methods, top=self.top, memory=self.memory, level=level, rng=rng)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 16 answers to whose log p each source adds something, but takes it away under masks that are held out;
        and such without exception.
        """
        from audit.probes.transparency.attribution_trials import observations

        return observations(self, rng, faulty=True), observations(self, rng, faulty=False)

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies below one half."""
        return result.headline.high is not None and result.headline.high < 0.5

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return 16 questions, of which none, four or eight are driven by a source that does not hold the answer."""
        from audit.probes.transparency.attribution_trials import trials

        return trials(self, rng)


def _read(row: Mapping[str, Any], *, answered: bool) -> dict[str, Any]:
    """Return a question with its sources, the places of those that hold the answer, and what it lacks."""
    there = {**row, "context": passages_of(row["context"])}
    return {**there, "gold": _places(there), "not_asked": _lacks(there, answered=answered), "problem": None}


def _places(row: Mapping[Any, Any]) -> list[int] | None:
    """Return the places of the sources that hold the answer; None where nothing, or every source, is named."""
    wanted = row["gold"]
    names = row["ids"] if row["ids"] is not None else range(len(row["context"]))
    told = {str(one) for one in ([] if wanted is None else [wanted] if isinstance(wanted, str | int) else wanted)}
    found = [place for place, name in enumerate(names) if str(name) in told]
    return found if 0 < len(found) < len(row["context"]) else None


def _says(answer: Any) -> bool:
    return isinstance(answer, str) and bool(answer.strip())


def _lacks(row: Mapping[Any, Any], *, answered: bool) -> Cause | None:
    """Return why nothing is asked about a question, or None; `answered`: it must bring its answer."""
    if len(row["context"]) < 2:
        return Cause("it has no two sources to choose from")
    if answered and not _says(row["answer"]):
        return Cause("it has no answer")
    return None
