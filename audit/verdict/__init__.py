"""From measures to verdicts: one meaning everywhere."""

from audit.verdict.controls import Planted, controls_of, covered, planted, trials_of
from audit.verdict.decision import (
    Decision,
    audit_verdict,
    capitalised,
    decide,
    facts_of,
    informs_only,
    invalidate,
    sentence,
)
from audit.verdict.declared import DeclaredStanding, contradicts, declared_effect, declared_standing
from audit.verdict.early_stopping import MOST_BETWEEN_LOOKS, begun, interim, looks_after, sequenced
from audit.verdict.findings import adjusted_level, judge_and_store, judge_finding, store_frame
from audit.verdict.finite_population import of_benchmark, told_of_target
from audit.verdict.ideals import BASELINES, FAR_TOLD, FarOff, far_off
from audit.verdict.known_issues import issues_of, told_of_issues
from audit.verdict.matrix import OTHER, MatrixCell, MatrixRow, badness, dimensions_of, matrix_row
from audit.verdict.missing import FIRST_PROBLEM, OF_ASKING, RAW_PROMPTS, told_of_asking
from audit.verdict.own_units import KEY, OWN_UNITS
from audit.verdict.sample_size import POWER, RANDOM_CHECK
from audit.verdict.units import Part, Units, in_random_order, part_of, unit_means, unit_sizes

__all__ = [
    "BASELINES", "FAR_TOLD", "FIRST_PROBLEM", "KEY", "MOST_BETWEEN_LOOKS", "OF_ASKING", "OTHER", "OWN_UNITS", "POWER",
    "RANDOM_CHECK", "RAW_PROMPTS", "Decision", "DeclaredStanding", "FarOff", "MatrixCell", "MatrixRow", "Part",
    "Planted", "Units", "adjusted_level", "audit_verdict", "badness", "begun", "capitalised", "contradicts",
    "controls_of", "covered", "decide", "declared_effect", "declared_standing", "dimensions_of", "facts_of", "far_off",
    "in_random_order", "informs_only", "interim", "invalidate", "issues_of", "judge_and_store", "judge_finding",
    "looks_after", "matrix_row", "of_benchmark", "part_of", "planted", "sentence", "sequenced", "store_frame",
    "told_of_asking", "told_of_issues", "told_of_target", "trials_of", "unit_means", "unit_sizes",
]
