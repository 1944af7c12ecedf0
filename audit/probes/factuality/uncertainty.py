"""Does a model know when it does not know? Scores of its uncertainty against whether its answers are right.

    model    the model answers each prompt, is asked what it makes of its answer, and answers again N times
    file     the data hold answers made elsewhere, and whatever else is known of them

One observation, every score: what is observed once is reduced in all ways of `detectors.factuality.uncertainty`, and
one of them, named before anything is asked, is the headline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from audit.errors import DataError
from audit.probe import AUROC, SHARE, SIGNED, Ask, Observed, Range, Role
from audit.probes.factuality.uncertainty_asking import Asking, given
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["Score", "Uncertainty"]

Score = Literal[
    "cocoa_msp", "cocoa_mean", "cocoa_entropy", "sequence_nll", "mean_nll", "max_nll", "mean_entropy", "max_entropy",
    "mean_entropy_bound", "max_entropy_bound", "mean_margin", "least_margin", "pmi", "p_true", "verbalised",
    "claim_conditioned", "sampled_nll", "unigram_mean", "unigram_max", "bigram_mean", "bigram_max",
    "selfcheck_entailment", "disagreement", "semantic_entropy", "semantic_entropy_corrected",
    "semantic_entropy_weighted", "sets", "eigenvalues", "degree", "eccentricity", "kernel_entropy",
    "lexical_dissimilarity", "dissimilarity_to_samples",
]
_TRACED = (
    "cocoa_msp", "cocoa_mean", "cocoa_entropy", "sequence_nll", "mean_nll", "max_nll", "mean_entropy", "max_entropy",
    "pmi", "claim_conditioned",
)
_PLACE = "{prompt}"
_FIELDS = {
    "prompt": "the question, or what the model goes on from",
    "answer": "an answer made elsewhere; for `file`",
    "reference": "right answers, in all their spellings; they grade answers without a label",
    "context": "evidence: a text, or a list of passages",
    "samples": "other answers to the same prompt; for `file`",
    "log_probs": "nats of the answer's tokens; for `file`",
    "entropies": "entropy in nats at each of its tokens, over the whole vocabulary; for `file`",
    "top_log_probs": "nats of the likeliest tokens at each place, likeliest first; for `file`",
    "sample_log_probs": "nats of the tokens of each sample, a list of lists; for `file`",
    "confidence": "how sure the answer is said to be, 0 to 1 (1 = surely right); for `file`",
    "spoken": "a text that says how sure it is, such as 90 %; for `file`, where there is no confidence",
    "label": "1 = right, 0 = wrong; for `file`",
    "unit": "independent unit; absent = every prompt is its own",
}


@immutable
class Uncertainty:
    """How often a wrong answer looks less certain than a right one, by one of thirty scores, beside its mere length."""

    answers: Literal["model", "file"] = "model"
    """`model` lets the model answer, `file` takes the answers that the data hold."""
    score: Score = "cocoa_msp"
    """The score that the headline is of; every other one that can be made stands beside it."""
    rule: Literal["contains", "exact_match", "exact_match_numeric"] = "contains"
    """When an answer without a label is right: it names a reference (and may say more), or is one and nothing else."""
    template: str = "Question: {prompt}\nAnswer:"
    """What the model reads; `{prompt}` stands for the prompt, `{context}` for the evidence, where it may see it."""
    draws_per_item: int = 5
    """Samples of every prompt."""
    temperature: float = 1.0
    """Of these samples; the answer itself is the likeliest."""
    max_tokens: int = 32
    """Length at which an answer or sample is cut."""
    stop: tuple[str, ...] = ("\n",)
    """An answer ends before the first of these."""
    p_true: bool = True
    """Whether the model is asked if its answer is true, with both orders of the options."""
    verbalised: bool = False
    """Whether the model is asked to say in percent how sure it is."""
    likeness: Literal["words", "entailment"] = "words"
    """How samples are compared: by their words, or by what follows from what (helper `verifier`; absent = by rules)."""
    alternatives: int = 0
    """Other tokens tried in each place of an answer, for its claim-conditioned probability; the verifier compares."""
    agree: float = 0.8
    """Share of samples that say what the answer says from which on the model counts as confident."""

    name: ClassVar[str] = "factuality.uncertainty"
    dimension: ClassVar[str] = "factuality"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(_FIELDS, optional=frozenset(_FIELDS), lists=frozenset({"context"})),
    }
    measures: ClassVar[Mapping[str, Range]] = {
        "auroc": AUROC, "above_length": SIGNED, "prr": Range("score", None, 1), "aurc": AUROC, "excess_aurc": AUROC,
        "auprc_wrong": AUROC, "auprc_right": AUROC, "prr_difference": Range("score"), "wrong_share": SHARE,
        "agreement": SHARE, "agree_share": SHARE, "confident_falsehood": SHARE, "confident_truth": SHARE,
        "doubted_falsehood": SHARE, "doubted_truth": SHARE, "order_matters_share": SHARE, "refusal_share": SHARE,
        "unparseable_share": SHARE, "error_share": SHARE, "unspoken_share": SHARE,
    }

    def __post_init__(self) -> None:
        """Refuse a template without a place for the prompt, and numbers out of range."""
        if _PLACE not in self.template or self.template != self.template.rstrip():
            got = f"template: got {self.template!r}"
            raise ValueError(f"{got}; allowed: a text with {_PLACE} in it and no blank at the end")
        if min(self.draws_per_item, self.alternatives) < 0 or self.draws_per_item == 1 or self.max_tokens < 1:
            got = f"draws_per_item {self.draws_per_item}, alternatives {self.alternatives}"
            raise ValueError(f"got {got}, max_tokens {self.max_tokens}; allowed: 0 or from 2 on, from 0 on, from 1 on")
        if not self.temperature > 0 or not 0 < self.agree <= 1:
            got = f"temperature {self.temperature}, agree {self.agree}"
            raise ValueError(f"got {got}; allowed: above 0; above 0, at most 1")

    @property
    def needs(self) -> frozenset[str]:
        """Samples, and what the headline's score is made of; nothing where the answers are there."""
        if self.answers == "file":
            return frozenset()
        more = {"trace"} if self.score in _TRACED else {"log_prob"} if self.score == "p_true" else set()
        return frozenset({"sample", *more})

    def estimate(self, items: int) -> int:
        """Return the answers and samples, their scoring, and the four options of P(True)."""
        each = 3 + 2 * self.draws_per_item + 4 * self.p_true + self.verbalised
        return 0 if self.answers == "file" else items * each

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the columns `audit.probes.factuality.uncertainty_asking.OBSERVED`.

        Raises DataError for answers that are not there, and for cells that are not what their field holds.
        """
        lacks = "answer" if self.answers == "file" else "prompt"
        if lacks not in items:
            raise DataError(f"{self.name}: the data have no {lacks!r}; with answers: {self.answers} they must")
        if self.answers == "file":
            return given(self.name, items)
        asking = Asking(
            self.name, ask, self.template, self.draws_per_item, self.temperature, self.max_tokens, self.stop,
            p_true=self.p_true, spoken=self.verbalised, entailment=self.likeness == "entailment",
            alternatives=self.alternatives,
        )
        return asking.observed(items)

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.factuality.uncertainty.judgement`."""
        from detectors.factuality.uncertainty.judgement import uncertainty

        return uncertainty(
            observed["items"], score=self.score, rule=self.rule, agree=self.agree, level=level, rng=rng
        )

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return answers of a model that is surest where it is wrong, and of one that is surest where it is right.

        In both every score says the same, lengths tell nothing, and half of the answers are wrong.
        """
        from audit.probes.factuality.uncertainty_trials import planted

        bounds = self.score.endswith("_bound")
        return planted(rng, faulty=True, bounds=bounds), planted(rng, faulty=False, bounds=bounds)

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies below one half: it is surer where it is wrong."""
        return result.headline.high is not None and result.headline.high < 0.5

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return 24 prompts with answers, samples and token probabilities of which it is known which are right.

        Without the fault wrong answers are the least certain; with it a third, or two thirds of them are the surest.
        """
        from audit.probes.factuality.uncertainty_trials import TRIED_DRAWS, trial

        tried = replace(
            self, answers="model", score="cocoa_msp", draws_per_item=TRIED_DRAWS, likeness="words", alternatives=0,
            verbalised=False, p_true=True, rule="contains", agree=0.8,
        )
        return [trial(tried, tried.template, rng, dose) for dose in range(3)]
