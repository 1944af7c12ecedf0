"""Ways to break detectors and probes, as a mistake in them would.

`SABOTAGE` is inside the detector: the score's sign is turned, or every item gets the same score. `HOLES` are faults
that leave the planted pair of `controls` as it is: in what is asked and kept, in measures beside the headline, in the
size of an effect, in the width of an interval.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import numpy as np


def opposite_shares(real):
    return lambda given, errors, *_: np.clip(2 * np.asarray(given) - real(given, errors), 0, 1)


def mirrored_correction(real):
    return lambda labels, judged, others, *rest, **options: real(
        labels, judged, np.clip(2 * judged.mean() - others, 0, 1), *rest, **options
    )


def in_state(change):
    """Change what becomes of every claim."""
    return lambda real: lambda *args, **options: [
        replace(one, state=change(one.state)) for one in real(*args, **options)
    ]


def every_one_its_own(real):
    """Keep all of those that share a unit."""
    return lambda labels, rng: np.ones(len(labels), dtype=bool)


def without_units(role):
    """Keep all images of a role, whoever they show."""
    return lambda real: lambda images, rng, named: (images, ()) if role in named else real(images, rng, named)


def counted_as(change):
    """Change the units that had the event before groups are compared."""
    return lambda real: lambda selected, totals, *rest, **options: real(
        change(selected, totals), totals, *rest, **options
    )


def come_out(texts, change):
    """Change which texts come out again."""
    return texts.assign(**{name: change(texts[name]) for name in ("extractable", "extracted", "near_verbatim")})


def hold_passages(texts, change):
    """Change which texts hold a passage."""
    return texts.assign(**{name: change(texts[name]) for name in ("copied", "near_copied")})


def hold_data(texts, change):
    """Change which texts hold personal data."""
    return texts.assign(personal=change(texts["personal"]))


def ranked_as(canary, change):
    """Put a canary at another place among its alternatives."""
    places = canary["alternatives"] + 1
    rank = change(canary["rank"], places)
    return {**canary, "rank": rank, "exposure": np.log2(places / rank), "p_value": rank / places}


def weighed_as(change):
    """Change the weights of sources."""
    return lambda real: lambda *args: [replace(one, weights=change(one.weights)) for one in real(*args)]


def of_marks(observe):
    """What the probes of marks in files have in common."""
    return {
        "keys swapped": (observe, kept(
            p_value=lambda frame: [one[0] for one in frame["other_p_values"]],
            other_p_values=lambda frame: [[one] for one in frame["p_value"]])),
        "originals for marked": (observe, kept(p_value=taken("plain_p_value"), plain_p_value=taken("p_value"))),
        "ten times alpha": ("detectors.provenance.image.detection:_at",
                            lambda real: lambda p, alpha: real(p, 10 * alpha)),
        "a tenth of alpha": ("detectors.provenance.image.detection:_at",
                             lambda real: lambda p, alpha: real(p, alpha / 10)),
        "a bit more": ("detectors.provenance.image.bits:log10_right",
                       lambda real: lambda right, count: real(max(right - 1, 0), count)),
        "no width": ("detectors.provenance.image.detection:mean_over_units", without_width),
        "units ignored": ("detectors.provenance.image.detection:mean_over_units",
                          lambda real: lambda values, units, **options: real(values, None, **options)),
    }


SABOTAGE = {
    "bias.corpus": (
        "detectors.bias.data.whole_corpus:group_gaps",
        counted_as(lambda selected, totals: np.subtract(totals, selected)),
        counted_as(lambda selected, totals: np.multiply(selected, 0)),
    ),
    "bias.data": (
        "detectors.bias.data.rates:group_gaps",
        counted_as(lambda selected, totals: totals - selected),
        counted_as(lambda selected, totals: 0 * selected),
    ),
    "bias.associations": (
        "detectors.bias.associations:_difference",
        lambda real: lambda chosen, values: -real(chosen, values),
        lambda real: lambda chosen, values: 0 * real(chosen, values),
    ),
    "bias.counterfactual": (
        "detectors.bias.counterfactual:signed",
        lambda real: lambda *args: (-real(*args)[0], real(*args)[1]),
        lambda real: lambda *args: (0 * real(*args)[0], real(*args)[1]),
    ),
    "bias.decisions": (
        "detectors.bias.decisions:_counted",
        lambda real: lambda *rows: (real(*rows)[0], 0 * real(*rows)[1] + real(*rows)[1].sum(axis=0)),
        lambda real: lambda *rows: (real(*rows)[0], np.ones_like(real(*rows)[1])),
    ),
    "bias.predictions": (
        "detectors.bias.predictions:superiority_gap",
        lambda real: lambda own, other, level: real(own, own, level),
        lambda real: lambda own, other, level: (0.0, -1.0, 1.0),
    ),
    "bias.synthetic_table": (
        "detectors.bias.two_tables:OneTable.counts",
        lambda real: lambda *args: (lambda k, n, m, r: (n - k, n, r - m, r))(*real(*args)),
        lambda real: lambda *args: (lambda k, n, m, r: (0, n, 0, r))(*real(*args)),
    ),
    "bias.open_ended": (
        "detectors.bias.open_ended:_over_units",
        lambda real: lambda values, code: 1 - real(values, code),
        lambda real: lambda values, code: 0 * real(values, code) + 0.5,
    ),
    "bias.coreference": (
        "detectors.bias.coreference:_margin",
        lambda real: lambda *row: -real(*row),
        lambda real: lambda *row: 0 * real(*row),
    ),
    "bias.multiple_choice": (
        "detectors.bias.choices:_shares",
        lambda real: lambda choices, answer, biased, unknown, picks: real(
            choices, answer, next(one for one in choices if one not in (biased, unknown)), unknown, picks),
        lambda real: lambda choices, answer, biased, unknown, picks: real(
            choices, answer, biased, unknown, None if picks is None else [[1.0] + [0.0] * (len(choices) - 1)]),
    ),
    "bias.representation": (
        "detectors.bias.representation:true_shares",
        opposite_shares,
        lambda real: lambda given, errors, *_: np.full_like(given, 1 / np.shape(given)[-1]),
    ),
    "bias.generated_images": (
        "detectors.bias.representation:true_shares",
        opposite_shares,
        lambda real: lambda given, errors, *_: 0 * real(given, errors) + 1 / np.shape(given)[-1],
    ),
    "bias.image_data": (
        "detectors.bias.representation:true_shares",
        opposite_shares,
        lambda real: lambda given, errors, *_: 0 * real(given, errors) + 1 / np.shape(given)[-1],
    ),
    "bias.stereotype_pairs": (
        "detectors.bias.pairs:_preference",
        lambda real: lambda gap: real(-gap),
        lambda real: lambda gap: real(0 * gap),
    ),
    "bias.stereotype_triples": (
        "detectors.bias.triples:_items",
        lambda real: lambda frame: real(frame.rename(columns={
            "score_stereotype": "score_antistereotype", "score_antistereotype": "score_stereotype"})),
        lambda real: lambda frame: real(frame).assign(ss=0.5),
    ),
    "efficiency.compressed": (
        "detectors.efficiency.compressed:_place",
        lambda real: lambda large, small: (1 - real(large, small)[0], *real(large, small)[1:]),
        lambda real: lambda large, small: (0.5, *real(large, small)[1:]),
    ),
    "efficiency.resources": (
        "detectors.efficiency.resources:_added",
        lambda real: lambda empty, peak: real(peak, empty),
        lambda real: lambda empty, peak: real(empty, empty),
    ),
    "efficiency.sampling": (
        "detectors.efficiency.timing:_per",
        lambda real: lambda seconds, others: None if others is None else real(others, seconds),
        lambda real: lambda seconds, others: None if others is None else real(others, others),
    ),
    "factuality.calibration": (
        "detectors.factuality.calibration:bins_of",
        lambda real: lambda told, *rest, **options: real(1 - told, *rest, **options),
        lambda real: lambda told, *rest, **options: real(0 * told + 0.5, *rest, **options),
    ),
    "factuality.closed_book": (
        "detectors.factuality.choices:fair_share",
        lambda real: lambda scores, *rest: real(-scores, *rest),
        lambda real: lambda scores, *rest: real(0 * scores, *rest),
    ),
    "factuality.grounding": (
        "detectors.factuality.grounded_answers:ground", in_state(lambda state: "supported" if state != "supported" else
                                                                 "absent"), in_state(lambda state: "supported"),
    ),
    "factuality.judged": (
        "detectors.factuality.judged:prediction_powered",
        mirrored_correction,
        lambda real: lambda labels, judged, others, *rest, **options: real(
            labels, 0 * judged, 0 * others, *rest, **options
        ),
    ),
    "imported.scores": (
        "detectors.imported.scores:mean_over_units",
        lambda real: lambda values, *rest, **options: real(1 - values, *rest, **options),
        lambda real: lambda values, *rest, **options: real(0 * values, *rest, **options),
    ),
    "factuality.uncertainty": (
        "detectors.factuality.uncertainty.judgement:ranked",
        lambda real: lambda names, right, wrong, units: real(names, wrong, right, units[::-1]),
        lambda real: lambda names, right, wrong, units: real(names, 0 * right, 0 * wrong, units),
    ),
    "factuality.rag": (
        "detectors.factuality.rag:_read",
        lambda real: lambda *row: {"right": "wrong", "wrong": "right", "refused": "right"}.get(real(*row), real(*row)),
        lambda real: lambda *row: "right",
    ),
    "factuality.recognition": (
        "audit.probes.factuality.recognition:Recognition._called",
        lambda real: lambda self, frame: real(self, frame).assign(calls=lambda made: 1 - made["calls"]),
        lambda real: lambda self, frame: real(self, frame).assign(calls=1.0),
    ),
    "memorisation.membership": (
        "detectors.memorisation.membership:membership_scores",
        lambda real: lambda frame: -real(frame),
        lambda real: lambda frame: 0 * real(frame),
    ),
    "novelty.contrast": (
        "detectors.novelty.contrast:model_score",
        lambda real: lambda *known: -real(*known),
        lambda real: lambda *known: 0 * real(*known),
    ),
    "novelty.data": (
        "detectors.novelty.scores:diffusion_variance",
        lambda real: lambda *known: -real(*known),
        lambda real: lambda *known: 0 * real(*known),
    ),
    "memorisation.copies": (
        "detectors.memorisation.copies:_read",
        lambda real: lambda *args: hold_passages(real(*args), lambda out: 1 - out),
        lambda real: lambda *args: hold_passages(real(*args), lambda out: 0 * out + 0.5),
    ),
    "privacy.personal_data": (
        "detectors.privacy.personal_data:_read",
        lambda real: lambda *args: hold_data(real(*args), lambda out: 1 - out),
        lambda real: lambda *args: hold_data(real(*args), lambda out: 0 * out + 0.5),
    ),
    "memorisation.extraction": (
        "detectors.memorisation.extraction:_read",
        lambda real: lambda *args: come_out(real(*args), lambda out: 1 - out),
        lambda real: lambda *args: come_out(real(*args), lambda out: 0 * out + 0.5),
    ),
    "memorisation.exposure": (
        "detectors.memorisation.canaries:_row",
        lambda real: lambda *args: ranked_as(real(*args), lambda rank, places: places + 1 - rank),
        lambda real: lambda *args: ranked_as(real(*args), lambda rank, places: (places + 1) // 2),
    ),
    "transparency.attribution": (
        "detectors.transparency.attribution:attribute", weighed_as(lambda weights: -weights),
        weighed_as(lambda weights: 0 * weights),
    ),
    "novelty.likelihood": (
        "detectors.novelty.recorded:Recorded.numbers",
        lambda real: lambda *known: -real(*known),
        lambda real: lambda *known: 0 * real(*known),
    ),
    **dict.fromkeys(("provenance.audio_mark", "provenance.video_mark", "provenance.image_mark"), (
        "detectors.provenance.image.detection:_at",
        lambda real: lambda *read: 1 - real(*read),
        lambda real: lambda *read: 0 * real(*read) + 0.5,
    )),
    "provenance.duties": (
        "detectors.provenance.duties:_values",
        lambda real: lambda *asked: 1 - real(*asked),
        lambda real: lambda *asked: 0 * real(*asked) + 0.5,
    ),
    "provenance.signed_origin": (
        "detectors.provenance.origin:_is",
        lambda real: lambda *said: 1 - real(*said),
        lambda real: lambda *said: 0 * real(*said) + 0.5,
    ),
    "provenance.text_mark": (
        "detectors.provenance.text.green:green_tail",
        lambda real: lambda *counts: 1 - real(*counts),
        lambda real: lambda *counts: 0 * real(*counts) + 0.5,
    ),
    **dict.fromkeys(("robustness.images", "robustness.text"), (
        "detectors.robustness.answers:of_shares",
        lambda real: lambda *said: (1 - real(*said)[0], -real(*said)[1]),
        lambda real: lambda *said: (0 * real(*said)[0], 0.0),
    )),
    "quality.samples": (
        "detectors.quality.kernel_distance:_kernel",
        lambda real: lambda product: -real(product),
        lambda real: lambda product: 0 * product + 1,
    ),
}
"""Probe -> (where its score is made, the score with its sign turned, the same score for all)."""


def halved_gap(real):
    def beside(*args, **options):
        own, gap, held = real(*args, **options)
        return own, replace(gap, value=gap.value / 2, low=gap.low / 2, high=gap.high / 2), held

    return beside


def by(factor, about=0.5):
    """Pull what a function returns towards a number."""
    return lambda real: lambda *args: about + (real(*args) - about) * factor


def shifted(by, least=0.0, most=1.0):
    return lambda real: lambda *args: np.clip(real(*args) + by, least, most)


def first_of(change):
    """Change the first of two things that a function returns."""
    return lambda real: lambda *args: (lambda found: (change(found[0]), found[1]))(real(*args))


def without_width(real):
    def narrow(*args, **options):
        found = real(*args, **options)
        return replace(found, low=found.value, high=found.value)

    return narrow


def as_value(real):
    """Make (value, low, high) of nothing but the value."""
    return lambda *args: (real(*args)[0],) * 3


def moved(step):
    def change(real):
        def off(*args, **options):
            found = real(*args, **options)
            return replace(found, **{end: min(1.0, getattr(found, end) + step) for end in ("value", "low", "high")})

        return off

    return change


def kept(**columns):
    """Change columns of what a probe keeps of the role `items`: column -> function of the frame."""

    def change(real):
        def observe(self, ask, items, role, *learnt):
            frame = real(self, ask, items, role, *learnt)
            return frame.assign(**{name: to(frame) for name, to in columns.items()}) if role == "items" else frame

        return observe

    return change


def shuffled(name):
    return lambda frame: frame[name].to_numpy()[np.random.default_rng(0).permutation(len(frame))]


def shuffled_among_asked(name):
    """Shuffle a column among the items that were asked."""

    def change(frame):
        there = frame[name].notna().to_numpy()
        cells = frame[name].to_numpy().copy()
        cells[there] = np.random.default_rng(0).permutation(cells[there])
        return cells

    return change


def taken(name):
    return lambda frame: frame[name]


ASSOCIATIONS = "audit.probes.bias.associations:Associations.observe"
SWAPS = "audit.probes.bias.counterfactual:Counterfactual.observe"
SYNTHETIC = "audit.probes.bias.synthetic_table:SyntheticTable.observe"
PAGES = "audit.probes.bias.open_ended:OpenEnded.observe"
ASKED = "audit.probes.bias.multiple_choice:MultipleChoice.observe"
MEANT = "audit.probes.bias.coreference:Coreference.observe"
TRIPLES = "audit.probes.bias.stereotype_triples:StereotypeTriples.observe"
PAIRS = "audit.probes.bias.stereotype_pairs:StereotypePairs.observe"
CONFIDENCES = "audit.probes.factuality.calibration:Calibration.observe"
UNSURE = "audit.probes.factuality.uncertainty:Uncertainty.observe"
CHOICES = "audit.probes.factuality.closed_book:ClosedBook.observe"
RECOGNITION = "audit.probes.factuality.recognition:Recognition.observe"
MEMBERSHIP = "audit.probes.memorisation.membership:Membership.observe"
CONTRAST = "audit.probes.novelty.contrast:Contrast.observe"
SOURCES = "audit.probes.transparency.attribution:AttributionToSources.observe"
EXPOSURE = "audit.probes.memorisation.exposure:Exposure.observe"
COPIES = "audit.probes.memorisation.copies:Copies.observe"
PERSONAL = "audit.probes.privacy.personal_data:PersonalData.observe"
FORMS = "detectors.privacy.personal_forms"
EXTRACTION = "audit.probes.memorisation.extraction:Extraction.observe"
LIKELIHOOD = "audit.probes.novelty.likelihood:Likelihood._observed"
SAMPLES = "audit.probes.quality.samples:Samples.observe"
DECIDED = "audit.probes.bias.decisions:Decisions.observe"
PREDICTED = "audit.probes.bias.predictions:Predictions.observe"
IMAGES = "audit.probes.bias.generated_images:GeneratedImages.observe"
FOLDERS = "audit.probes.bias.image_data:ImageData.observe"
SHARES = "audit.probes.bias.representation:Representation.observe"
MARK = "audit.probes.provenance.text_mark:TextMark.observe"
FILED_MARK = "audit.probes.provenance.filed_marks:FileReading.observe"
IMAGE_MARK = "audit.probes.provenance.image_mark:_Reading.observe"
OWED = "audit.probes.provenance.duties:_Reading.observe"
ORIGIN = "audit.probes.provenance.signed_origin:_Reading.observe"
JUDGED = "audit.probes.factuality.judged:Judged.observe"
IMPORTED = "audit.probes.imported.scores:ImportedScores.observe"
PASSAGES = "audit.probes.factuality.rag:RAG.observe"
GROUNDED = "audit.probes.factuality.grounding:Grounding.observe"
CHANGED_TEXTS = "audit.probes.robustness.text:TextRobustness.observe"
CHANGED_IMAGES = "audit.probes.robustness.images:ImageRobustness.observe"
PAIRED = "audit.probes.efficiency.compressed:Compressed.observe"
TAKEN = "audit.probes.efficiency.resources:Resources.observe"
TIME = "audit.probes.efficiency.sampling:SamplingTime.observe"


def turned(real):
    return lambda *args: -real(*args)


def never_withheld(real):
    """Leave the gold passages in where they should be withheld."""
    def sliced(row, near_misses):
        found = real(row, near_misses)
        return replace(found, shown={**found.shown, "withheld": found.shown["gold_last"]})

    return sliced


def cited_behind(real):
    """Take every citation for that of the passage behind it."""
    return lambda answer: [[place + 1 for place in one] for one in real(answer)]


def exchanged(real):
    """Take what follows memory for what follows the passages."""
    other = {"memory": "context", "context": "memory"}
    return lambda name, *row: other.get(real(name, *row), real(name, *row)) if name == "changed" else real(name, *row)


def turned_gaps(real):
    return lambda first, second, *rest, **options: real(second, first, *rest, **options)


def constant(real):
    return lambda *args: 0 * real(*args)


def swapped(real):
    return lambda one, other, *rest, **options: real(other, one, *rest, **options)


def other_way(first, second, column):
    return lambda frame: frame[column].map({first: second, second: first}).fillna(frame[column])


TABLE = "audit.probes.bias.data:DataBias.observe"

HOLES = {
    "bias.corpus": {
        "every text its own": ("detectors.bias.data.whole_corpus:clusters_of_texts",
                               lambda real: lambda texts: np.arange(len(texts))),
        "units ignored": ("detectors.bias.repeats:one_of_each", every_one_its_own),
        "window eight wider": ("detectors.bias.data.group_terms:Lexicon.mentions",
                               lambda real: lambda self, text, window: real(self, text, window + 8)),
        "groups swapped": ("audit.probes.bias.corpus:CorpusBias.observe", kept(
            text=lambda frame: frame["text"].str.replace("Alpha", "X").str.replace("Beta One", "Alpha").str.replace(
                "X", "Beta One"))),
    },
    "bias.data": {
        "labels moved": (TABLE, kept(label=shuffled("label"))),
        "groups swapped": (TABLE, kept(group=lambda frame: frame["group"].map({"0": "1", "1": "0"}))),
        "keys forgotten": (TABLE, kept(key=lambda frame: "k")),
        "features moved": (TABLE, kept(proxy=shuffled("proxy"))),
        "shares turned": ("detectors.bias.data.presence:shares_of",
                          lambda real: lambda counts, *rest, **options: real(counts[::-1], *rest, **options)),
        "half of the rows covered": ("detectors.bias.data.presence:uncovered",
                                     lambda real: lambda codes, *rest: real([one[::2] for one in codes], *rest)),
        "values that are there": ("detectors.bias.data.missing_columns:_side",
                                  lambda real: lambda split, lacks: real(split, ~lacks)),
        "strata moved": (TABLE, kept(site=shuffled("site"))),
        "all gaps in all": ("detectors.bias.data.reversals:_Gaps.of", lambda real: lambda own, level, twins: real(
            type(own)(*(one.sum(axis=0, keepdims=True) for one in own)), level, twins=twins)),
        "every ratio 1": ("detectors.bias.data.rates:impact_ratios", counted_as(lambda selected, totals: totals)),
    },
    "bias.decisions": {
        "decisions moved": (DECIDED, kept(decision=shuffled("decision"))),
        "rows without a group left out": (DECIDED, lambda real: lambda *args: real(*args).dropna(subset="group")),
        "units ignored": ("detectors.bias.repeats:one_of_each", every_one_its_own),
        "turned": ("detectors.bias.decisions:_rate",
                   lambda real: lambda *args: (real(*args)[1] - real(*args)[0], *real(*args)[1:])),
        "no width": ("detectors.bias.groups:exact_binomial",
                     lambda real: lambda k, n, *level: real(k, n, 0.2)),
    },
    "bias.predictions": {
        "numbers moved": (PREDICTED, kept(prediction=shuffled("prediction"))),
        "none is nothing": (PREDICTED, kept(prediction=lambda frame: frame["prediction"].fillna("0"))),
        "rows without a group left out": (PREDICTED, lambda real: lambda *args: real(*args).dropna(subset="group")),
        "units ignored": ("detectors.bias.repeats:one_of_each", every_one_its_own),
        "turned": ("detectors.bias.predictions:superiority_gap", lambda real: lambda own, other, level: real(
            other, own, level)),
        "medians halved": ("detectors.bias.predictions:median_gap", lambda real: lambda *args: tuple(
            one / 2 for one in real(*args))),
        "distances halved": ("detectors.bias.predictions:distance", lambda real: lambda *args: (
            real(*args)[0] / 2, None, None)),
        "means halved": ("detectors.bias.predictions:mean_gap", lambda real: lambda *args: tuple(
            one / 2 for one in real(*args))),
        "the lowest for the highest": ("detectors.bias.top_share:Cut.above", lambda real: lambda cut, side: tuple(
            len(side.known) - one for one in real(cut, side))),
        "features moved": (PREDICTED, kept(x=shuffled("x"))),
        "itself a neighbour": ("detectors.bias.consistency:neighbour_means",
                               lambda real: lambda *args, same: real(*args, same=False)),
        "all pairs independent": ("detectors.bias.two_sides:pairs_interval",
                                  lambda real: lambda value, pairs, level: real(value, pairs**2, level)),
    },
    "bias.associations": {
        "vectors shuffled": (ASSOCIATIONS, kept(embedding=shuffled("embedding"))),
        "X for Y": (ASSOCIATIONS, kept(set=other_way("X", "Y", "set"))),
        "A for B": (ASSOCIATIONS, kept(set=other_way("A", "B", "set"))),
        "gap halved": ("detectors.bias.associations:_difference", by(0.5, 0.0)),
    },
    "bias.counterfactual": {
        "draws shuffled": (SWAPS, kept(draws=shuffled("draws"))),
        "groups turned": (SWAPS, kept(group=other_way("women", "men", "group"))),
        "words lost": (SWAPS, kept(word=lambda frame: "one")),
        "gaps halved": ("detectors.bias.counterfactual:signed", first_of(lambda gap: gap / 2)),
        "distances halved": ("detectors.bias.counterfactual:_w1", by(0.5, 0.0)),
        "refusals lost": ("detectors.factuality.refusals:is_refusal", lambda real: lambda text: False),
    },
    "bias.synthetic_table": {
        "labels shuffled": (SYNTHETIC, kept(label=shuffled("label"))),
        "groups turned": (SYNTHETIC, kept(group=other_way("a", "b", "group"))),
        "a feature lost": (SYNTHETIC, kept(word=lambda frame: "x")),
        "towns shuffled": (SYNTHETIC, kept(town=shuffled("town"))),
        "units ignored": ("detectors.bias.repeats:one_of_each", every_one_its_own),
        "costs halved": ("detectors.bias.transfer:Learning._paired",
                         lambda real: lambda *args: tuple(one / 2 for one in real(*args))),
        "predictability turned": ("detectors.bias.transfer:Learning._recalls", lambda real: lambda *args: [
            (1 - value, 1 - high, 1 - low) for value, low, high in real(*args) or ()] or None),
    },
    "bias.open_ended": {
        "draws shuffled": (PAGES, kept(draws=shuffled("draws"))),
        "groups turned": (PAGES, kept(group=other_way("women", "men", "group"))),
        "gaps halved": ("detectors.bias.open_ended:_over_units", by(0.5)),
        "refusals lost": ("detectors.factuality.refusals:is_refusal", lambda real: lambda text: False),
    },
    "bias.coreference": {
        "answers shuffled": (MEANT, kept(log_probs=shuffled("log_probs"))),
        "people exchanged": (MEANT, kept(log_probs=lambda frame: [row[::-1] for row in frame["log_probs"]])),
        "genders exchanged": (MEANT, kept(group=lambda frame: np.where(frame["group"] == "male", "female", "male"))),
        "no width": ("detectors.bias.coreference:mean_over_units", without_width),
        "gaps halved": ("detectors.bias.coreference:_unit_gaps", by(0.5, 0.0)),
    },
    "bias.multiple_choice": {
        "answers shuffled": (ASKED, kept(log_probs=shuffled("log_probs"))),
        "choices turned round": (ASKED, kept(log_probs=lambda frame: [
            [order[::-1] for order in row] for row in frame["log_probs"]])),
        "letters for choices": (ASKED, kept(log_probs=lambda frame: [
            [order[turn:] + order[:turn] for turn, order in enumerate(row)] for row in frame["log_probs"]])),
        "one order only": (ASKED, kept(log_probs=lambda frame: [
            [row[0], [-1.0, -2.0, -2.0], [-1.0, -2.0, -2.0]] for row in frame["log_probs"]])),
        "lean halved": ("detectors.bias.choices:_lean", by(0.5, 0.0)),
        "no width": ("detectors.bias.choices:mean_over_units", without_width),
        "no width of a variant": ("detectors.bias.choices:cluster_bootstrap", lambda real: lambda *args, **options: (
            real(*args, **options)[0],) * 3),
        "units ignored": ("detectors.bias.choices:unit_column",
                          lambda real: lambda frame: frame.index.to_series().astype(str)),
    },
    "bias.stereotype_pairs": {
        "more and less swapped": (PAIRS, kept(log_prob_more=taken("log_prob_less"),
                                              log_prob_less=taken("log_prob_more"))),
        "answers shuffled": (PAIRS, kept(log_prob_more=shuffled("log_prob_more"))),
        "constant": (PAIRS, kept(log_prob_more=lambda frame: -1.0, log_prob_less=lambda frame: -1.0)),
        "effect halved": ("detectors.bias.pairs:_preference", by(0.5)),
        "ten points less": ("detectors.bias.pairs:_preference", shifted(-0.1)),
        "units ignored": ("detectors.bias.pairs:mean_over_units",
                          lambda real: lambda values, units, **options: real(values, None, **options)),
        "no width": ("detectors.bias.pairs:mean_over_units", without_width),
        "gaps halved": ("detectors.bias.pairs:_ratio", by(0.5, 0.0)),
    },
    "bias.stereotype_triples": {
        "answers shuffled": (TRIPLES, kept(nats_stereotype=shuffled("nats_stereotype"))),
        "opposite and unrelated exchanged": (TRIPLES, kept(
            nats_antistereotype=taken("nats_unrelated"), nats_unrelated=taken("nats_antistereotype"))),
        "tokens forgotten": (TRIPLES, kept(elements_unrelated=lambda frame: 1)),
        "no width": ("detectors.bias.triples:mean_over_units", without_width),
        "units ignored": ("detectors.bias.triples:mean_over_units",
                          lambda real: lambda values, units, **options: real(values, None, **options)),
        "icat doubled": ("detectors.bias.triples:_icat", lambda real: lambda *args: np.minimum(1, 2 * real(*args))),
        "micro constant": ("detectors.bias.triples:cluster_bootstrap", lambda real: lambda *args, **options: (
            0.5, 0.4, 0.6)),
    },
    "factuality.closed_book": {
        "answers shuffled": (CHOICES, kept(log_probs=shuffled("log_probs"))),
        "choices turned round": (CHOICES, kept(log_probs=lambda frame: [row[::-1] for row in frame["log_probs"]])),
        "effect halved": ("detectors.factuality.choices:fair_share", first_of(lambda share: 0.5 + (share - 0.5) / 2)),
        "fifteen points more": ("detectors.factuality.choices:fair_share",
                                first_of(lambda share: np.clip(share + 0.15, 0, 1))),
        "no width": ("detectors.factuality.tally:mean_over_units", without_width),
        "units ignored": ("detectors.factuality.tally:mean_over_units",
                          lambda real: lambda values, units=None, **options: real(values, None, **options)),
        "MC2 turned": ("detectors.factuality.choices:true_share", lambda real: lambda *args: 1 - real(*args)),
    },
    "factuality.rag": {
        "answers shuffled": (PASSAGES, kept(said_gold_last=shuffled("said_gold_last"))),
        "slices exchanged": (PASSAGES, kept(said_withheld=taken("said_changed"), said_changed=taken("said_withheld"))),
        "citations shifted": ("detectors.factuality.rag_evidence:citations_in", cited_behind),
        "claims of gold and near misses exchanged": (PASSAGES, kept(shown_withheld=taken("shown_answerable"),
                                                                    shown_answerable=taken("shown_withheld"))),
        "search read backwards": (PASSAGES, kept(retrieved=lambda frame: [one[::-1] for one in frame["retrieved"]])),
        "evidence not withheld": ("detectors.factuality.rag_slices:sliced", never_withheld),
        "memory taken for reading": ("detectors.factuality.rag:_read", exchanged),
        "differences turned": ("detectors.factuality.rag:mean_difference", turned_gaps),
        "no width of differences": ("detectors.factuality.rag:mean_difference", without_width),
        "no width": ("detectors.factuality.tally:mean_over_units", without_width),
        "units ignored": ("detectors.factuality.tally:mean_over_units",
                          lambda real: lambda values, units=None, **options: real(values, None, **options)),
    },
    "factuality.uncertainty": {
        "answers moved": (UNSURE, kept(answer=shuffled("answer"))),
        "tokens moved": (UNSURE, kept(log_probs=shuffled("log_probs"))),
        "samples moved": (UNSURE, kept(samples=shuffled("samples"))),
        "agreement turned": ("detectors.factuality.uncertainty.table:_near",
                             lambda real: lambda *args: {**real(*args), "agreement": 1 - real(*args)["agreement"]}),
        "one token less": ("detectors.factuality.uncertainty.table:token_scores",
                           lambda real: lambda nats, *rest: real([*(row[:1] for row in nats[:9]), *nats[9:]], *rest)),
        "no width": ("detectors.factuality.tally:mean_over_units", without_width),
    },
    "factuality.calibration": {
        "labels moved": (CONFIDENCES, kept(label=shuffled("label"))),
        "ranks turned": ("detectors.factuality.calibration:ranked",
                         lambda real: lambda names, low, high, units: real(names, high, low, units[::-1])),
        "curve turned": ("detectors.factuality.calibration:risk_coverage",
                         lambda real: lambda doubt, loss: real(-doubt, loss)),
        "everything is given": ("detectors.factuality.risk_guarantees:abstention_threshold",
                                lambda real: lambda *args, **options: 0.0),
        "calibrated to the mean": ("detectors.factuality.calibrators:isotonic_regression",
                                   lambda real: lambda shares, weights: real(0 * shares + shares.mean())),
        "no width": ("detectors.factuality.tally:mean_over_units", without_width),
    },
    "factuality.grounding": {
        "answers shuffled": (GROUNDED, kept(answer=shuffled("answer"))),
        "passages shuffled": (GROUNDED, kept(context=shuffled("context"))),
        "the first passage found": ("audit.retrieval.retriever:Retriever.search",
                                    lambda real: lambda *args, **options: [0]),
        "verifier unheard": (GROUNDED, kept(verified=lambda frame: None)),
        "citations shuffled": (GROUNDED, kept(cited=shuffled("cited"))),
        "labels turned": (GROUNDED, kept(label=lambda frame: frame["label"].map({"0": "1", "1": "0"}))),
        "contradiction for entailment": ("detectors.factuality.grounded_claims:Verified.row",
                                         lambda real: lambda *args: real(*args)[::-1]),
        "least for mean": ("detectors.factuality.grounded_answers:factscore",
                           lambda real: lambda given, gamma: real([min(given)], gamma)),
        "no width": ("detectors.factuality.tally:mean_over_units", without_width),
    },
    "factuality.judged": {
        "judge turned": (JUDGED, kept(judge=lambda frame: 1 - frame["judge"])),
        "labels moved": (JUDGED, kept(label=shuffled("label"))),
        "orders exchanged": (JUDGED, kept(judge=taken("swapped"), swapped=taken("judge"))),
        "length turned": ("detectors.factuality.judge_habits:rank",
                          lambda real: lambda low, high, units: real(high, low, units[::-1])),
        "ten points more": ("detectors.factuality.judged:prediction_powered", moved(0.1)),
        "no width": ("detectors.factuality.judged:prediction_powered", without_width),
        "kappa constant": ("detectors.factuality.judged:cohen_kappa", lambda real: lambda *args, **options: replace(
            real(*args, **options), value=0.5, low=0.4, high=0.6)),
    },
    "imported.scores": {
        "scores moved": (IMPORTED, kept(score=shuffled("score"))),
        "errors counted as bad": (IMPORTED, kept(score=lambda frame: frame["score"].fillna(0.0))),
        "passes turned": (IMPORTED, kept(passed=lambda frame: 1 - frame["passed"])),
        "ten points more": ("detectors.imported.scores:mean_over_units", moved(0.1)),
        "no width": ("detectors.imported.scores:mean_over_units", without_width),
        "their mean for ours": (IMPORTED, kept(recomputed=taken("stated"))),
    },
    "factuality.recognition": {
        "words exchanged": (RECOGNITION, kept(yes=taken("no"), no=taken("yes"))),
        "answers shuffled": (RECOGNITION, kept(yes=shuffled("yes"))),
        "labels moved": (RECOGNITION, kept(label=shuffled("label"))),
        "no width": ("detectors.factuality.tally:mean_over_units", without_width),
        "units ignored": ("detectors.factuality.tally:mean_over_units",
                          lambda real: lambda values, units=None, **options: real(values, None, **options)),
    },
    "memorisation.membership": {
        "answers turned": (MEMBERSHIP, kept(trace=lambda frame: [[-one for one in cell] for cell in frame["trace"]])),
        "gap halved": ("detectors.ranking:Ranking.interval",
                       lambda real: lambda *args: tuple(0.5 + (x - 0.5) / 2 for x in real(*args))),
        "threshold too low": ("detectors.memorisation.membership:tpr_at",
                              lambda real: lambda rate, *rest: real(5 * rate, *rest)),
        "no width": ("detectors.memorisation.membership:tpr_at", as_value),
        "gate of chance": ("detectors.memorisation.blind:cross_validated",
                           lambda real: lambda features, member, units, *, rng: rng.normal(size=len(member))),
        "every member found": ("detectors.memorisation.found:benjamini_hochberg",
                               lambda real: lambda p, fdr: np.ones(len(p), bool)),
        "dates not looked at": ("detectors.memorisation.blind:_with_date", lambda real: lambda *told: told[:2]),
        "both sides kept": ("detectors.memorisation.membership:_keys",
                            lambda real: lambda frame: frame.index.to_series()),
    },
    "novelty.data": {
        "not standardised": ("detectors.novelty.baselines:standardised", lambda real: lambda known, new: new),
        "standardised by each set": (
            "detectors.novelty.baselines:standardised", lambda real: lambda known, new: real(new, new)
        ),
        "nearest alone": ("detectors.novelty.scores:diffusion_variance",
                          lambda real: lambda fit, items: real(fit, items, 1)),
        "gap halved": ("detectors.ranking:Ranking.interval",
                       lambda real: lambda *args: tuple(0.5 + (x - 0.5) / 2 for x in real(*args))),
        "no width": ("detectors.ranking:Ranking.interval", as_value),
        "flags halved": ("detectors.novelty.shares:mean_over_units",
                         lambda real: lambda values, *rest, **options: real(values / 2, *rest, **options)),
    },
    "memorisation.copies": {
        "the first text for all": (COPIES, kept(output=lambda frame: frame["output"].iloc[0])),
        "short runs not seen": ("detectors.memorisation.runs:_Automaton.found", lambda real: lambda self: (
            np.where(real(self)[0] > 4, real(self)[0], 0), real(self)[1])),
        "words of other case are others": ("detectors.memorisation.runs:Form.words", lambda real: lambda self, text: (
            self.pattern.findall(text))),
        "one edit more": ("detectors.memorisation.copies:edits",
                          lambda real: lambda *args, **options: real(*args, **options) + 1),
        "longer n-grams": ("detectors.memorisation.copies:Copying", lambda real: lambda words, near, ngram: (
            real(words, near, ngram + 1))),
        "gap halved": ("detectors.memorisation.copies:beside", halved_gap),
        "no width": ("detectors.held_out:mean_over_units", without_width),
    },
    "privacy.personal_data": {
        "the first text for all": (PERSONAL, kept(output=lambda frame: frame["output"].iloc[0])),
        "prompts not seen": (PERSONAL, kept(prompt=lambda frame: None)),
        "phones not seen": (f"{FORMS}:_phones", lambda real: lambda *args: iter(())),
        "check digits not looked at": (f"{FORMS}:luhn.is_valid", lambda real: lambda digits: True),
        "days not looked at": (f"{FORMS}:rrn.get_birth_date", lambda real: lambda digits: date(2021, 1, 1)),
        "examples are somebody's": (f"{FORMS}:_FOR_EXAMPLES", lambda real: re.compile("never")),
        "data compared as written": (f"{FORMS}:Datum", lambda real: lambda kind, start, end, key, reserved: (
            real(kind, start, end, f"{key} {end - start}", reserved))),
        "gap halved": ("detectors.privacy.personal_data:beside", halved_gap),
        "no width": ("detectors.held_out:mean_over_units", without_width),
    },
    "memorisation.extraction": {
        "texts exchanged": (EXTRACTION, kept(ranks=shuffled("ranks"), output=shuffled("output"))),
        "outputs shuffled": (EXTRACTION, kept(output=shuffled("output"))),
        "ranks from 0": (EXTRACTION, kept(ranks=lambda frame: [[x - 1 for x in row] for row in frame["ranks"]])),
        "a token less": (EXTRACTION, kept(ranks=lambda frame: [row[1:] for row in frame["ranks"]])),
        "gap halved": ("detectors.memorisation.extraction:beside", halved_gap),
        "no width": ("detectors.held_out:mean_over_units", without_width),
    },
    "memorisation.exposure": {
        "three places lower": (EXPOSURE, kept(score=lambda frame: frame["score"] - 3)),
        "likeliest for least likely": (EXPOSURE, kept(score=lambda frame: -frame["score"])),
        "chance halved": ("detectors.memorisation.canaries:chance_exposure",
                          lambda real: lambda sizes: real(sizes) / 2),
        "one alternative less": ("detectors.memorisation.canaries:_once", lambda real: lambda members, scores, *rest:
                                 real(list(members)[1:], list(scores)[1:], [None] * (len(list(scores)) - 1), rest[-1])),
        "every rank found": ("detectors.memorisation.exposure:benjamini_hochberg",
                             lambda real: lambda p, fdr: np.ones(len(p), bool)),
        "no width": ("detectors.memorisation.exposure:_above_chance", without_width),
        "order turned": ("detectors.memorisation.exposure:auroc",
                         lambda real: lambda low, high, level: real(high, low, level)),
    },
    "transparency.attribution": {
        "log p turned": (SOURCES, kept(log_prob=lambda frame: [
            [-65 - one for one in row] for row in frame["log_prob"]])),
        "the next source holds the answer": (SOURCES, kept(gold=lambda frame: [
            [(one[0] + 1) % len(all_of)] for one, all_of in zip(frame["gold"], frame["context"], strict=True)])),
        "two sources for one": ("detectors.transparency.attribution:faithfulness",
                                lambda real: lambda question, found, top: real(question, found, top + 1)),
        "curves exchanged": ("detectors.transparency.faithfulness:curve_masks",
                             lambda real: lambda order: [*real(order)][::-1]),
        "all from memory": ("detectors.transparency.attribution:_Questions.from_memory",
                            lambda real: lambda self, memory: real(self, 100 * memory)),
        "no width": ("detectors.transparency.attribution:mean_over_units", without_width),
    },
    "novelty.likelihood": {
        "answers turned": (LIKELIHOOD, kept(log_prob=lambda frame: -frame["log_prob"])),
        "distortions swapped": (LIKELIHOOD, kept(log_prob_constant=taken("log_prob_noise"))),
        "gap halved": ("detectors.ranking:Ranking.interval",
                       lambda real: lambda *args: tuple(0.5 + (x - 0.5) / 2 for x in real(*args))),
        "a tenth more": ("detectors.ranking:Ranking.interval",
                         lambda real: lambda *args: tuple(min(1, x + 0.1) for x in real(*args))),
        "no width": ("detectors.ranking:Ranking.interval", as_value),
        "flags halved": ("detectors.novelty.shares:mean_over_units",
                         lambda real: lambda values, *rest, **options: real(values / 2, *rest, **options)),
    },
    "novelty.contrast": {
        "answers turned": (CONTRAST, kept(log_prob=lambda frame: -frame["log_prob"])),
        "features constant": (CONTRAST, kept(embedding=lambda frame: [[0.0, 0.0]] * len(frame))),
        "confidence turned": ("detectors.novelty.contrast:max_softmax", turned),
        "confidence constant": ("detectors.novelty.contrast:max_softmax", constant),
        "energy turned": ("detectors.novelty.contrast:energy", turned),
        "mahalanobis turned": ("detectors.novelty.contrast:mahalanobis", turned),
        "mahalanobis constant": ("detectors.novelty.contrast:mahalanobis", constant),
        "kNN turned": ("detectors.novelty.contrast:knn_distance", turned),
    },
    "provenance.duties": {
        "Valid taken for trusted": (OWED, kept(state=lambda frame: frame["state"].replace("Valid", "Trusted"))),
        "marks taken for found": (OWED, kept(mark=lambda frame: ["found"] * len(frame))),
        "labels never small": ("detectors.provenance.duties:_LABEL", lambda real: 0.04),
        "what is to come counted": ("audit.probes.provenance.duty_list:owed", lambda real: lambda *given, **how: [
            replace(one, in_force=True) for one in real(*given, **how)]),
        "no width": ("detectors.provenance.duties:mean_over_units", without_width),
    },
    "provenance.signed_origin": {
        "Valid taken for trusted": (ORIGIN, kept(state=lambda frame: frame["state"].replace("Valid", "Trusted"))),
        "layers never contradict": ("audit.watermarks.origin.sources:in_conflict", lambda real: lambda layers: False),
        "no conflict": (ORIGIN, kept(conflict=lambda frame: [False] * len(frame))),
        "regions of one size": ("detectors.provenance.origin:_of_file", lambda real: lambda row: real(
            {**row, "sizes": [1] * len(row["regions"] or ())})),
        "no width": ("detectors.provenance.origin:mean_over_units", without_width),
    },
    "provenance.audio_mark": {
        **of_marks(FILED_MARK),
        "not attacked": ("detectors.provenance.audio.attacks:attacked", lambda real: lambda kind, sound, *rest: sound),
        "twice the noise": ("detectors.provenance.audio.quality:_powers",
                            lambda real: lambda *pair: (real(*pair)[0], 2 * real(*pair)[1])),
    },
    "provenance.video_mark": {
        **of_marks(FILED_MARK),
        "not attacked": ("detectors.provenance.video.attacks:attacked",
                         lambda real: lambda kind, frames, *rest: frames),
        "twice the noise": ("detectors.provenance.image.quality:psnr", lambda real: lambda *pair: real(*pair) - 3),
    },
    "provenance.image_mark": {
        **of_marks(IMAGE_MARK),
        "not attacked": ("detectors.provenance.image.attacks:attacked", lambda real: lambda kind, image, *rest: image),
    },
    "provenance.text_mark": {
        "keys swapped": (MARK, kept(p_value=taken("other_p_value"), other_p_value=taken("p_value"))),
        "ten times alpha": ("detectors.provenance.detection:_found",
                            lambda real: lambda p_values, alpha: real(p_values, 10 * alpha)),
        "a tenth of alpha": ("detectors.provenance.detection:_found",
                             lambda real: lambda p_values, alpha: real(p_values, alpha / 10)),
        "a pair more": ("detectors.provenance.text.green:green_tail",
                        lambda real: lambda hits, *rest: real(np.maximum(hits - 1, 0), *rest)),
        "no width": ("detectors.provenance.detection:mean_over_units", without_width),
        "units ignored": ("detectors.provenance.detection:mean_over_units",
                          lambda real: lambda values, units, **options: real(values, None, **options)),
    },
    "quality.samples": {
        "data taken for draws": (SAMPLES, kept(draws=lambda frame: [[row] for row in frame["series"]])),
        "problems lost": (SAMPLES, kept(problems=lambda frame: [["none came"]] * len(frame))),
        "nearness turned": ("detectors.quality.coverage:auroc", swapped),
        "nearness constant": ("detectors.quality.coverage:auroc",
                              lambda real: lambda one, other, level: real(0 * one, 0 * other, level)),
        "against itself": ("detectors.quality.samples:kernel_distance",
                           lambda real: lambda one, other, **options: real(other, other[::-1].copy(), **options)),
        "coverage turned": ("detectors.quality.coverage:_coverage",
                            lambda real: lambda reached, *rest: real(~reached, *rest)),
        "density constant": ("detectors.quality.coverage:_hits",
                             lambda real: lambda *args: tuple(np.ones_like(part) for part in real(*args))),
        "far turned": ("detectors.quality.coverage:_far_share",
                       lambda real: lambda outside, *rest: real(~outside, *rest)),
    },
    "bias.representation": {
        "classes turned": (SHARES, kept(probabilities=lambda frame: [
            [np.roll(told, 1).tolist() for told in row] for row in frame["probabilities"]])),
        "uncorrected": ("detectors.bias.representation:true_shares",
                        lambda real: lambda given, errors, *_: np.broadcast_to(
                            given, np.broadcast_shapes(np.shape(given), np.shape(errors)[:-1])).copy()),
        "errors turned": ("detectors.bias.representation:true_shares",
                          lambda real: lambda given, errors, *_: real(
                              given, np.swapaxes(errors, -1, -2) / np.swapaxes(errors, -1, -2).sum(-1, keepdims=True))),
        "confidence of one": ("audit.probes.bias.representation:confidence",
                              lambda real: lambda highest, *rest: real(0 * highest + 1, *rest)),
    },
    "bias.generated_images": {
        "classes turned": (IMAGES, kept(probabilities=lambda frame: [
            [np.roll(told, 1).tolist() for told in row] for row in frame["probabilities"]])),
        "prompts exchanged": (IMAGES, kept(probabilities=lambda frame: frame["probabilities"].to_list()[::-1])),
        "repeats counted": (IMAGES, kept(digests=lambda frame: [
            [f"{place}" for place in range(len(row))] for row in frame["digests"]])),
        "units ignored": ("detectors.bias.repeats:one_of_each", every_one_its_own),
        **{f"units of {role} images ignored": ("audit.probes.bias.generated_images:of_each_unit", without_units(role))
           for role in ("labelled", "learnt")},
        "confidence of one": ("audit.probes.bias.generated_images:confidence",
                              lambda real: lambda highest, *rest: real(0 * highest + 1, *rest)),
        "gaps halved": ("detectors.bias.representation:Corrected.apart",
                        lambda real: lambda *args: tuple(one / 2 for one in real(*args))),
        "openbias halved": ("detectors.bias.concentration:openbias_of", by(0.5, 0.0)),
        "none missing": ("detectors.bias.generated_images:count_missing",
                         lambda real: lambda name, share, low, high, least, **facts: real(
                             name, share, low, high, 0 * least, **facts)),
        "what the helper says at a tenth": ("detectors.bias.given_shares:Given.band",
                                            lambda real: lambda self, level: real(self, 0.1)),
    },
    "bias.image_data": {
        "classes turned": (FOLDERS, kept(probabilities=lambda frame: [
            np.roll(told, 1).tolist() for told in frame["probabilities"]])),
        "folders shuffled": (FOLDERS, kept(label=shuffled("label"))),
        "repeats counted": (FOLDERS, kept(digest=lambda frame: list(map(str, range(len(frame)))))),
        "units ignored": ("audit.probes.bias.image_data:of_each_unit", without_units("items")),
        "units of labelled images ignored": ("audit.probes.bias.generated_images:of_each_unit",
                                             without_units("labelled")),
        "gaps halved": ("detectors.bias.representation:Corrected.apart",
                        lambda real: lambda *args: tuple(one / 2 for one in real(*args))),
        "what the helper says at a tenth": ("detectors.bias.given_shares:Given.band",
                                            lambda real: lambda self, level: real(self, 0.1)),
    },
    "robustness.text": {
        "answers shuffled": (CHANGED_TEXTS, kept(log_probs=shuffled_among_asked("log_probs"))),
        "changes exchanged": (CHANGED_TEXTS, kept(kinds=lambda frame: [
            None if row is None else [row[0], *row[:0:-1]] for row in frame["kinds"]])),
        "what nothing changed counted": (CHANGED_TEXTS, kept(
            changed=lambda frame: [None if row is None else [True] * len(row) for row in frame["changed"]],
            log_probs=lambda frame: [
                None if row is None else [one if one is not None else row[0] for one in row]
                for row in frame["log_probs"]])),
        "flips halved": ("detectors.robustness.answers:of_shares", first_of(lambda flip: flip / 2)),
        "no width": ("detectors.robustness.stability:mean_over_units", without_width),
    },
    "robustness.images": {
        "answers shuffled": (CHANGED_IMAGES, kept(probabilities=shuffled("probabilities"))),
        "changes exchanged": (CHANGED_IMAGES, kept(kinds=lambda frame: [
            [row[0], *row[:0:-1]] for row in frame["kinds"]])),
        "flips halved": ("detectors.robustness.answers:of_shares", first_of(lambda flip: flip / 2)),
        "no width": ("detectors.robustness.stability:mean_over_units", without_width),
    },
    "efficiency.compressed": {
        "models exchanged": (PAIRED, kept(**{
            f"{one}_{name}": taken(f"{other}_{name}")
            for one, other in (("large", "small"), ("small", "large")) for name in ("names", "log_probs", "nats")
        })),
        "KL turned": ("detectors.efficiency.compressed:_place", lambda real: lambda large, small: real(small, large)),
        "variation twice": ("detectors.efficiency.compressed:_place", lambda real: lambda large, small: (
            *real(large, small)[:2], *(2 * one for one in real(large, small)[2:]))),
        "the rest left out": ("detectors.efficiency.compressed:_told", lambda real: lambda names, nats: {
            name: one for name, one in real(names, nats).items() if name != names[-1]}),
        "half the drop": (PAIRED, kept(small_nats=lambda frame: (frame["large_nats"] + frame["small_nats"]) / 2)),
        "no width": ("detectors.efficiency.compressed:mean_over_units", without_width),
    },
    "efficiency.resources": {
        "bytes twice": (TAKEN, kept(weight_bytes=lambda frame: 2 * frame["weight_bytes"])),
        "bits for bytes": (TAKEN, kept(peak_bytes=lambda frame: 8 * frame["peak_bytes"])),
        "products alone": (TAKEN, kept(score_flops=lambda frame: frame["score_flops"] / 2)),
        "samples for scores": (TAKEN, kept(score_flops=taken("sample_flops"))),
        "tokens shuffled": (TAKEN, kept(tokens=lambda frame: frame["tokens"].to_numpy()[::-1])),
        "the empty process": (TAKEN, kept(peak_bytes=taken("empty_bytes"))),
        "energies swapped": (TAKEN, kept(score_joules=taken("sample_joules"), sample_joules=taken("score_joules"))),
        "N for 2 N": (TAKEN, kept(matrices=lambda frame: frame["matrices"] / 2)),
        "no width": ("detectors.efficiency.resources:quantile_interval", as_value),
        "mean for median": ("detectors.efficiency.resources:quantile_interval",
                            lambda real: lambda values, q, level: (float(np.mean(values)), None, None)),
    },
    "efficiency.sampling": {
        "clocks swapped": (TIME, kept(seconds=taken("log_prob_seconds"), log_prob_seconds=taken("seconds"))),
        "wall for processor": (TIME, kept(cpu_seconds=taken("seconds"))),
        "two thirds": ("detectors.efficiency.timing:_per",
                       lambda real: lambda one, other: None if other is None else real(one, other) / 1.5),
        "no width": ("detectors.efficiency.timing:quantile_interval", as_value),
        "mean for median": ("detectors.efficiency.timing:quantile_interval",
                            lambda real: lambda values, q, level: (float(np.mean(values)), None, None)),
    },
}
"""Probe -> what is broken -> (where, how). Nothing but a trial sees it, unless `SEEN_BY_BOTH` says so."""
SEEN_BY_BOTH = {
    "bias.decisions": ("units ignored",),
    "bias.predictions": ("units ignored",),
    "factuality.grounding": ("the first passage found",),
    "factuality.judged": ("ten points more",),
    "novelty.contrast": ("confidence turned", "confidence constant"),
    "novelty.data": ("standardised by each set",),
    "quality.samples": ("against itself", "coverage turned", "density constant"),
    "bias.representation": ("uncorrected", "errors turned"),
    "efficiency.resources": ("mean for median",),
    "efficiency.sampling": ("mean for median",),
}
"""Probe -> which of these the planted pair sees too."""
