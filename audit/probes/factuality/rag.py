"""Does the model answer from the passages that a retriever brings, and does it say so where they do not tell?

Every question is asked six times, with its passages as they are, in other places, taken away and changed
(`detectors.factuality.rag_slices`), so that every contrast is paired. No judge and no second model is needed: rules
hold claims against passages, and beside them a helper `verifier` where the plan has one. Answers may also come from
elsewhere: in the data, a column for each slice, and what `rag_slices.sliced` says of a row is what was to be shown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.probe import COUNT, SHARE, SHARE_GAP, Ask, Observed, Range, Role
from audit.probes.factuality.verifying import VERIFIER, verified
from audit.probes.items import without_nan
from audit.probes.passages import check_prompt, laid_out
from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.factuality.rag_slices import Passages
    from detectors.result import Result

__all__ = ["RAG"]

_SLICES = ("answerable", "gold_first", "gold_middle", "gold_last", "withheld", "changed")
_GIVEN = {
    "answerable": "answer made elsewhere, the gold passages alone being shown; for `given`, and so are those below",
    "gold_first": "answer with the gold passages first, then near misses",
    "gold_middle": "answer with the gold passages in the middle of near misses",
    "gold_last": "answer with the gold passages behind near misses",
    "withheld": "answer with near misses alone",
    "changed": "answer with `changed` in place of the gold passages",
}


@immutable
class RAG:
    """Correctness with evidence, without it, with near misses, in other places and with changed evidence, paired."""

    prompt: str = (
        "Answer from the passages alone, in a few words. If they do not tell, answer: I don't know.\n\n"
        "{passages}\n\nQuestion: {question}\nAnswer:"
    )
    """What the model reads; `{passages}` stands for the passages, numbered from [1], `{question}` for the question."""
    near_misses: int = 4
    """Passages that stand beside the gold ones at most."""
    answers: Literal["model", "given"] = "model"
    """`model` asks; `given` takes answers made elsewhere from the columns `answer_<slice>` of the data."""
    max_tokens: int = 48
    """Length at which an answer is cut; it ends at an empty line, too."""
    k: int = 5
    """How many of what was retrieved count, from the first on."""
    claims: bool = True
    """Whether claims and citations of the answers are checked against the passages, too: by rules, and by a helper
    `verifier` where the plan has one."""
    supported_at: float = 0.5
    """A claim is supported from this entailment on, where a verifier is asked."""
    conflicting_at: float = 0.5
    """One that is not supported is conflicting from this contradiction on, where a verifier is asked."""

    name: ClassVar[str] = "factuality.rag"
    dimension: ClassVar[str] = "factuality"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(
            {
                "prompt": "the question",
                "reference": "right answers in all their spellings",
                "context": "passages, those that hold the answer and near misses",
                "gold": "ids of the passages that hold the answer",
                "ids": "ids of the passages; absent = their places, from 0",
                "retrieved": "ids of what the search found, best first; absent = the search is not judged",
                "changed": "gold passages with another answer in them; absent = made, where it can be",
                "changed_reference": "what is right by `changed`, in all its spellings",
                "group": "topic",
                "unit": "independent unit; absent = every question is its own, however often it stands there",
                **{f"answer_{name}": text for name, text in _GIVEN.items()},
            },
            optional=frozenset(
                {"ids", "retrieved", "changed", "changed_reference", "group", "unit"}
                | {f"answer_{name}" for name in _SLICES}
            ),
            lists=frozenset({"context", "gold", "ids", "retrieved", "changed", "changed_reference"}),
        ),
    }
    measures: ClassVar[Mapping[str, Range]] = {
        **dict.fromkeys(
            (
                "correctness", "needless_refusal_share", "withheld_abstention", "withheld_wrong", "withheld_memory",
                "follows_context", "follows_memory", "follows_neither", "memorisation_ratio",
            ),
            SHARE,
        ),
        "near_miss_drop": SHARE_GAP, "position_drop": SHARE_GAP,
        **dict.fromkeys(
            (
                "largest_position_gap", "claim_support", "near_miss_only_share", "citation_share", "citation_recall",
                "citation_precision", "retrieval_hit", "retrieval_recall", "retrieval_mrr", "retrieval_ndcg",
            ),
            SHARE,
        ),
        "answer_words": Range("words", 0), "error_share": SHARE, "not_changed": COUNT, "not_asked": COUNT,
    }

    def __post_init__(self) -> None:
        """Refuse a prompt without its places, and counts below one."""
        check_prompt(self.prompt)
        if min(self.near_misses, self.max_tokens, self.k) < 1:
            got = f"near_misses {self.near_misses}, max_tokens {self.max_tokens}, k {self.k}"
            raise ValueError(f"{self.name}: got {got}; allowed: 1 or more of each")
        for option in ("supported_at", "conflicting_at"):
            if not 0 < getattr(self, option) <= 1:
                raise ValueError(f"{option}: got {getattr(self, option)}; allowed: above 0, up to 1")

    @property
    def needs(self) -> frozenset[str]:
        """Samples, where a model is asked."""
        return frozenset({"sample"} if self.answers == "model" else ())

    def estimate(self, items: int) -> int:
        """Return the calls: one for every slice of a question."""
        return len(_SLICES) * items if self.answers == "model" else 0

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items with `expected`, and of every slice what was shown, and what was said or why not.

        `lacks_<slice>` says why a slice is not asked, `shown_<slice>` holds the passages, `said_<slice>` the answer,
        `problem_<slice>` why there is none; `verified_<slice>`, where there is a verifier, what it said of the claims.
        """
        import pandas as pd

        from detectors.factuality.rag_slices import sliced

        rows = without_nan(items.reindex(columns=list(self.roles["items"].fields)))
        cells = {str(name): rows[name].to_list() for name in rows}
        for name in self.roles["items"].lists:
            cells[name] = [[one] if isinstance(one, str) else one for one in cells[name]]
        told = (dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True))
        shown = [sliced(row, self.near_misses) for row in told]
        cells["expected"] = [list(one.expected) for one in shown]
        for name in _SLICES:
            cells[f"lacks_{name}"] = [one.lacks(name) for one in shown]
            cells[f"shown_{name}"] = [one.texts(name) or None for one in shown]
        answers = {name: cells.pop(f"answer_{name}") for name in _SLICES}
        given = self.answers == "given"
        cells |= _given(answers, cells, items.columns) if given else self._asked(ask, cells["prompt"], shown)
        rows = pd.DataFrame(cells, items.index, dtype=object)
        return self._verified(ask, rows) if self.claims and ask.can("verify", model=VERIFIER) else rows

    def _verified(self, ask: Ask, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows with what the verifier says of the claims of each answer; null where there is none."""
        from detectors.arrays import objects
        from detectors.factuality.rag_evidence import VERIFIED, pairs_to_verify

        records = rows.to_dict("records")
        cells = [
            (row["prompt"], row[f"shown_{name}"] or (), row[f"said_{name}"])
            for name in VERIFIED for row in records
        ]  # fmt: skip
        told = verified(ask, [
            (shown, pairs_to_verify(said, shown, question) if shown else ()) for question, shown, said in cells
        ])  # fmt: skip
        kept = [some if isinstance(said, str) else None for (*_, said), some in zip(cells, told, strict=True)]
        for place, name in enumerate(VERIFIED):
            rows[f"verified_{name}"] = objects(kept[place * len(rows) : (place + 1) * len(rows)], rows.index)
        return rows

    def _asked(self, ask: Ask, questions: Sequence[str], shown: Sequence[Passages]) -> dict[str, list[Any]]:
        """Ask all slices of all questions at once; return the columns of what was said, and why not."""
        places = [(row, name) for row, one in enumerate(shown) for name in _SLICES if one.lacks(name) is None]
        prompts = [laid_out(self.prompt, questions[row], shown[row].texts(name)) for row, name in places]
        said: dict[tuple[int, str], tuple[Any, Any]] = {}
        if prompts:
            answer = ask(
                "sample", prompts, max_tokens=self.max_tokens, temperature=0, stop=["\n\n", "\nQuestion:"]
            )
            told = zip(answer["content"], answer["finish"], answer["problem"], strict=True)
            said = {
                place: (None, problem or Cause("no answer")) if finish == "error" else (content, None)
                for place, (content, finish, problem) in zip(places, told, strict=True)
            }
        columns: dict[str, list[Any]] = {}
        for name in _SLICES:
            cells = [said.get((row, name), (None, None)) for row in range(len(shown))]
            columns |= {f"said_{name}": [one for one, _ in cells], f"problem_{name}": [why for _, why in cells]}
        return columns

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.factuality.rag`."""
        from detectors.factuality.rag import audit_rag

        return audit_rag(
            observed["items"], level=level, rng=rng, k=self.k, claims=self.claims, supported_at=self.supported_at,
            conflicting_at=self.conflicting_at,
        )

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 100 questions of which 3 in 10 are answered right from their passages, and the same with all right.

        The fault is planted where a wrong judge would miss it: wrong by sign, by decimal mark, by the value of a near
        miss, or declined in so many words; right in another spelling.
        """
        from audit.probes.factuality.rag_trials import rag_control

        return rag_control(faulty=True), rag_control(faulty=False)

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies below one half."""
        return result.headline.high is not None and result.headline.high < 0.5

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return 24 questions in 12 units to a model that reads most of its passages, and to two that read ever fewer.

        What it answers follows from the passages that it is shown, so a slice that is shown wrong shows.
        """
        from audit.probes.factuality.rag_trials import rag_trial

        return [rag_trial(self, rng, dose) for dose in range(3)]


def _given(
    answers: Mapping[str, list[Any]], cells: Mapping[str, list[Any]], columns: Collection[str]
) -> dict[str, list[Any]]:
    """Return the columns of answers that the data bring: one that is not there was not asked, an empty cell is lost."""
    why, found = Cause("the data hold no answer"), dict[str, list[Any]]()
    for name in _SLICES:
        said, lacks, there = answers[name], cells[f"lacks_{name}"], f"answer_{name}" in columns
        lost = [there and one is None and lack is None for one, lack in zip(said, lacks, strict=True)]
        found |= {
            f"lacks_{name}": [one or (None if there else why) for one in lacks], f"said_{name}": said,
            f"problem_{name}": [why if one else None for one in lost],
        }  # fmt: skip
    return found
