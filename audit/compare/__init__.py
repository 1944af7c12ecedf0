"""Two audits of one plan: is the candidate worse than the baseline, on the same items?"""

from audit.compare.comparison import (
    EXIT_CODES,
    CheckComparison,
    ComparedAudit,
    Comparison,
    compare_audits,
    comparison_sentence,
)
from audit.compare.measures import Margins, MeasureComparison, Word
from audit.compare.pairing import Changes, Said

__all__ = [
    "EXIT_CODES", "Changes", "CheckComparison", "ComparedAudit", "Comparison", "Margins", "MeasureComparison", "Said",
    "Word", "compare_audits", "comparison_sentence",
]
