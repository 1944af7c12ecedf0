"""The map from probe to picture: for each of our probes the columns of its items in order of weight, and its pictures.

`pyproject.toml` names the probe of each (`dokimasia.figures`). A file here bears the name of its probe, where that has
pictures of its own, else of the picture: `forest`, `histogram`, `reliability`.
"""

from __future__ import annotations

from reports.pictures.answer_margins import margins
from reports.pictures.associations import association_by_set
from reports.pictures.attribution import sources_of_item, weights_of_sources
from reports.pictures.auroc_by_score import by_score
from reports.pictures.blindspots import blind_spots
from reports.pictures.copies import copied_passages, copy_of_item
from reports.pictures.denoising_curve import denoising_curves
from reports.pictures.densities import score_densities
from reports.pictures.distorted import distortions
from reports.pictures.duties import duties_in_lines
from reports.pictures.exposure import exposures, reproductions
from reports.pictures.extraction import extracted_passages, extraction_of_item
from reports.pictures.finding_figure import FindingFigure
from reports.pictures.forest import by_group
from reports.pictures.gallery import by_class
from reports.pictures.generated_images import by_prompt
from reports.pictures.grounding import claims_of_item, claims_with_evidence
from reports.pictures.histogram import score_histograms
from reports.pictures.image_mark import attack_matrix, difference_of_item, power_by_p, with_difference
from reports.pictures.intersections import heat_map
from reports.pictures.membership import members_found
from reports.pictures.most_and_least_likely import extreme_items
from reports.pictures.nearest_neighbours import nearest_distances
from reports.pictures.rag_slices import slice_bars, slice_differences
from reports.pictures.reliability import reliability, risk_coverage
from reports.pictures.robustness import changed_images_shown, changed_texts, flips_by_change
from reports.pictures.signed_origin import bytes_that_pass, origin_of_item, trees
from reports.pictures.stereotype_pairs import strongest_preferences, units_by_group
from reports.pictures.stream import alarms_over_stream
from reports.pictures.surprise import surprise_maps, surprise_of_item
from reports.pictures.text_mark import green_shares, words_with_evidence
from reports.pictures.text_mark_power import power_after_attacks, power_by_length
from reports.pictures.timing import seconds_in_order
from reports.pictures.uncertainty import held_back, two_by_two

__all__ = [
    "ASSOCIATIONS",
    "ATTRIBUTION",
    "AUDIO_MARK",
    "BIAS_CORPUS",
    "BIAS_DATA",
    "BIAS_DECISIONS",
    "CALIBRATION",
    "CLOSED_BOOK",
    "COMPRESSED",
    "CONTRAST",
    "COPIES",
    "COREFERENCE",
    "COUNTERFACTUAL",
    "DATA_NOVELTY",
    "DUTIES",
    "EXPOSURE",
    "EXTRACTION",
    "GENERATED_IMAGES",
    "GROUNDING",
    "IMAGE_DATA",
    "IMAGE_MARK",
    "IMAGE_ROBUSTNESS",
    "IMPORTED_SCORES",
    "JUDGED",
    "LIKELIHOOD",
    "MEMBERSHIP",
    "MULTIPLE_CHOICE",
    "OPEN_ENDED",
    "PERSONAL_DATA",
    "PREDICTIONS",
    "RAG",
    "RECOGNITION",
    "REPRESENTATION",
    "RESOURCES",
    "SAMPLES",
    "SAMPLING_TIME",
    "SIGNED_ORIGIN",
    "STEREOTYPE_PAIRS",
    "STEREOTYPE_TRIPLES",
    "SYNTHETIC_TABLE",
    "TEXT_MARK",
    "TEXT_ROBUSTNESS",
    "UNCERTAINTY",
    "VIDEO_MARK",
]

COREFERENCE = FindingFigure(("value", "margin", "stereotype", "group", "pronoun", "unit"), (by_group("accuracy"),))
MULTIPLE_CHOICE = FindingFigure(
    ("difference", "condition", "group", "biased", "biased_share", "counter_share", "unknown_share", "out_share"),
    (by_group("bias_by_template", "bias_ambiguous_paper"),),
)
REPRESENTATION = FindingFigure(("class", "confidence", "problem"), (by_class,))
GENERATED_IMAGES = FindingFigure(
    ("image", "prompt", "group", "class", "confidence", "repeated", "problem"), (by_prompt,)
)
IMAGE_DATA = FindingFigure(
    ("image", "folder", "class", "confidence", "repeated"), (by_class, by_group("share", "share_given"))
)
STEREOTYPE_PAIRS = FindingFigure(
    ("prefers", "difference", "group", "unit", "kind", "log_prob_more", "log_prob_less"),
    (units_by_group, strongest_preferences),
)
STEREOTYPE_TRIPLES = FindingFigure(("ss", "lms", "difference", "group", "unit", "kind"))
COMPRESSED = FindingFigure(
    ("flip_share", "kl_divergence", "total_variation", "log_prob_drop", "large_nats", "small_nats", "unit",
     "large_names", "small_names", "large_log_probs", "small_log_probs"),
)  # fmt: skip
RESOURCES = FindingFigure(
    ("score_flops", "sample_flops", "tokens", "token_flops", "peak_bytes", "empty_bytes", "overhead", "gpu_bytes",
     "score_joules", "sample_joules", "parameters", "matrices", "weight_bytes", "stored_bytes"),
)  # fmt: skip
SAMPLING_TIME = FindingFigure(
    ("seconds", "cpu_seconds", "log_prob_seconds", "elements", "threads", "load"), (seconds_in_order,)
)
CALIBRATION = FindingFigure(
    ("confidence", "label", "answered", "class", "group", "unit", "length"), (reliability, risk_coverage)
)
CLOSED_BOOK = FindingFigure(("outcome", "value", "margin", "group", "value_normalised", "mc1", "mc2"), (margins,))
GROUNDING = FindingFigure(
    ("outcome", "value", "prompt", "answer", "claims", "states", "conflicting_share", "absent_share", "mean_support"),
    (claims_with_evidence,), claims_of_item,
)
IMPORTED_SCORES = FindingFigure(
    ("value", "status", "group", "item", "input", "output", "target", "scorer", "repeat", "problem", "locator"),
    (by_group("mean_score"),),
)
JUDGED = FindingFigure(("label", "judge", "swapped", "verdict", "disagreement"), (by_group("length_bias"),))
RAG = FindingFigure(
    (
        "answerable", "withheld", "changed", "gold_first", "gold_middle", "gold_last", "expected", "said_changed",
        "said_withheld", "said_answerable", "group", "not_changed",
    ),
    (slice_bars, slice_differences),
)
RECOGNITION = FindingFigure(
    ("outcome", "margin", "says_invented", "invented", "group", "words"), (margins, by_group("accuracy"))
)
UNCERTAINTY = FindingFigure(
    ("outcome", "cocoa_msp", "sequence_nll", "agreement", "supported", "prompt", "answer", "reference", "samples"),
    (two_by_two, score_histograms, held_back, by_group("auroc")),
)
CONTRAST = FindingFigure(
    ("role", "confidence", "nll", "critic", "denoising_loss", "value", "p_value", "mahalanobis"),
    (by_score, score_histograms, score_densities, extreme_items),
)
LIKELIHOOD = FindingFigure(
    ("role", "nll", "critic", "denoising_loss", "value", "p_value", "flagged", "typicality"),
    (
        score_histograms, blind_spots, surprise_maps, alarms_over_stream, extreme_items, by_score,
        denoising_curves, distortions, score_densities,
    ),
    surprise_of_item,
)
MEMBERSHIP = FindingFigure(
    ("role", "loss", "secmi", "pia", "sima", "reference_ratio", "min_k", "blind", "text", "unit"),
    (members_found, by_group("membership_auroc")),
)
DATA_NOVELTY = FindingFigure(
    ("role", "dte_np", "knn5", "mixture", "isolation_forest", "value", "p_value", "flagged"),
    (score_histograms, blind_spots, extreme_items, by_score, score_densities),
)
ATTRIBUTION = FindingFigure(
    (
        "role", "prompt", "answer", "top_source", "source_first", "value", "memory_drop", "from_memory", "top_drop",
        "comprehensiveness", "sufficiency", "deletion_auc", "insertion_auc", "not_asked",
    ),
    (weights_of_sources, by_group("lds")), sources_of_item,
)
EXPOSURE = FindingFigure(
    (
        "role", "exposure", "memorised", "rank", "alternatives", "cap", "p_value", "text", "image", "group", "ties",
        "other_length", "not_asked",
    ),
    (exposures, by_group("exposure_above_chance")),
)
EXTRACTION = FindingFigure(
    (
        "role", "greedy_run", "log10_tries", "extractable", "reproduced", "normalised_edit_distance", "passage",
        "suffix", "output", "suffix_at", "output_at", "not_asked", "text", "unit",
    ),
    (reproductions, extracted_passages), extraction_of_item,
)
COPIES = FindingFigure(
    (
        "role", "copied_run", "passage", "source", "source_passage", "source_at", "output_at", "near_edits",
        "near_passage", "near_source", "near_source_passage", "ngram_overlap", "normalised_run", "output", "prompt",
        "unit",
    ),
    (copied_passages, by_group("copied_share")), copy_of_item,
)
PERSONAL_DATA = FindingFigure(
    (
        "role", "output", "prompt", "in_corpus", "bank_account", "email", "ip_address", "national_number",
        "payment_card", "phone", "reserved", "prompted", "unit",
    ),
    (by_group("kind_share"),),
)
SIGNED_ORIGIN = FindingFigure(
    (
        "name", "state", "signer", "failures", "layers", "conflict", "aigc_fields", "manifests", "assertions",
        "tamper_pass", "regions", "sizes", "tried", "passed", "problem",
    ),
    (bytes_that_pass, trees, by_group("tamper_pass_share")), origin_of_item,
)
DUTIES = FindingFigure(
    (
        "name", "kind", "duties_missed", "state", "mark", "layers", "aigc", "source_type", "disclosed", "worded",
        "tokens", "label_share", "time_stamped", "problem",
    ),
    (duties_in_lines,),
)
AUDIO_MARK = FindingFigure(
    ("value", "name", "p_value", "right_bits", "snr", "segmental_snr", "plain_p_value", "sound_seconds", "problem"),
    (attack_matrix, power_by_p),
)
VIDEO_MARK = FindingFigure(
    ("value", "name", "p_value", "right_bits", "psnr", "plain_p_value", "video_frames", "problem"),
    (attack_matrix, power_by_p),
)
IMAGE_MARK = FindingFigure(
    ("value", "image", "original", "p_value", "right_bits", "psnr", "ssim", "plain_p_value", "problem"),
    (attack_matrix, with_difference, power_by_p), difference_of_item,
)
TEXT_MARK = FindingFigure(
    ("value", "p_value", "green_fraction", "tokens", "tokens_needed", "output"),
    (power_after_attacks, power_by_length, green_shares, words_with_evidence),
)
TEXT_ROBUSTNESS = FindingFigure(
    ("question", "text", "answer", "flipped_under", "flip_share", "correctness", "label", "group", "unit", "not_asked"),
    (flips_by_change, changed_texts),
)
IMAGE_ROBUSTNESS = FindingFigure(
    ("image", "answer", "flipped_under", "flip_share", "fall_share", "correctness", "label", "unit"),
    (flips_by_change, changed_images_shown),
)
SAMPLES = FindingFigure(("class", "nearest", "balls", "nearest_item", "problem"), (by_class, nearest_distances))
ASSOCIATIONS = FindingFigure(("set", "association"), (association_by_set,))
COUNTERFACTUAL = FindingFigure(
    ("group", "prompt", "word", "score", "difference", "refusal", "length", "unit"),
    (by_group("score_gap", "score_mean"),),
)
OPEN_ENDED = FindingFigure(
    ("group", "prompt", "score", "highest", "refusal", "unit"), (by_group("score_mean", "score_gap"),)
)
SYNTHETIC_TABLE = FindingFigure(
    ("group", "label", "from_real", "from_synthetic"), (by_group("gap_change"), by_group("transfer_cost"))
)
BIAS_DATA = FindingFigure(
    ("kind", "column", "group", "stratum", "rows", "value", "low", "high", "gap", "gap_low", "gap_in_all", "reference"),
    (by_group("label_rate"), by_group("proxy_strength"), by_group("representation_ratio", "missing_rate")),
)
BIAS_DECISIONS = FindingFigure(
    ("group", "decision", "label", "score"),
    (
        heat_map("selection_rate", "true_positive_rate", "accuracy"),
        by_group("selection_rate"), by_group("true_positive_rate", "false_positive_rate", "accuracy"),
    ),
)
PREDICTIONS = FindingFigure(
    ("group", "prediction", "neighbours", "label", "error", "answer"),
    (by_group("superiority_gap"), by_group("top_rate"), by_group("mean_prediction", "median_prediction"),
     by_group("mean_absolute_error", "median_absolute_error")),
)
BIAS_CORPUS = FindingFigure(
    ("kind", "word", "group", "near", "value", "z"), (by_group("attribute_rate"), by_group("mention_share"))
)
