"""Two audits of one plan: is the candidate worse than the baseline, on the same items?"""

from audit.compare.comparison import EXIT_CODES, CheckComparison, Comparison, Side, compare_audits, told
from audit.compare.measures import Margins, MeasureComparison, Word
from audit.compare.pairing import Changes, Said

__all__ = [
    "EXIT_CODES", "Changes", "CheckComparison", "Comparison", "Margins", "MeasureComparison", "Said", "Side", "Word",
    "compare_audits", "told",
]
