"""Two to five audits of one plan: is a candidate worse than the baseline, on the same items?"""

from audit.compare.comparison import (
    MOST_AUDITS,
    WORST_FIRST,
    CheckComparison,
    ComparedAudit,
    Comparison,
    as_json,
    compare_audits,
    compare_several,
    comparison_sentence,
    worst_word,
)
from audit.compare.contents import DRAWN, Changes, Said, marked_changes
from audit.compare.measures import Margins, MeasureComparison, Word

__all__ = [
    "DRAWN", "MOST_AUDITS", "WORST_FIRST", "Changes", "CheckComparison", "ComparedAudit", "Comparison",
    "Margins", "MeasureComparison", "Said", "Word", "as_json", "compare_audits", "compare_several",
    "comparison_sentence", "marked_changes", "worst_word",
]
