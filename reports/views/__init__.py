"""What every document says, in its order and with its numbers already printed; documents only lay it out."""

from reports.views.asked import AskedRow, AskedView, asked_view
from reports.views.bias_audit import BiasAudit, Category, CategoryTable, bias_audits
from reports.views.cards import ItemCard, item_cards
from reports.views.changed_items import ChangedItem, ChangesView, changes_view
from reports.views.columns import CONTENT
from reports.views.comparison import (
    LETTERS,
    CheckView,
    ComparisonRow,
    ComparisonView,
    GroupsView,
    MeasureView,
    comparison_view,
)
from reports.views.decision import DecisionPage, DecisionRow, Standing, decision_page, open_checks
from reports.views.declarations import declared_text
from reports.views.evidence import (
    SHORT,
    WORDED,
    ItemsTable,
    count_items,
    laid_out,
    shown_cell,
    shown_table,
    worst_items,
)
from reports.views.matrix import PrintedCell, PrintedRow, Wrong, printed_row
from reports.views.measure_rows import MeasureRow, printed
from reports.views.one_item import Choice, ItemReview, choices_of, effect_of, item_review, sent_of
from reports.views.progress import ProgressView, progress_view
from reports.views.review import FindingReview, ReviewView, called, review_view, sheet_rows
from reports.views.summary import tally_text
from reports.views.trends import AskedAudit, TrendPanel, asked_of, label_of, trend_of, trends_of
from reports.views.verdict_text import brief_text, reason_text
from reports.views.verification import verification_lines
from reports.views.whole_audit import Block, FindingView, Overview, far_text, overview

__all__ = [
    "CONTENT", "LETTERS", "SHORT", "WORDED", "AskedAudit", "AskedRow", "AskedView", "BiasAudit", "Block", "Category",
    "CategoryTable", "ChangedItem", "ChangesView", "CheckView", "Choice", "ComparisonRow", "ComparisonView",
    "DecisionPage", "DecisionRow", "FindingReview", "FindingView", "GroupsView", "ItemCard", "ItemReview", "ItemsTable",
    "MeasureRow", "MeasureView", "Overview", "PrintedCell", "PrintedRow", "ProgressView", "ReviewView", "Standing",
    "TrendPanel", "Wrong", "asked_of", "asked_view", "bias_audits", "brief_text", "called", "changes_view",
    "choices_of", "comparison_view", "count_items", "decision_page", "declared_text", "effect_of", "far_text",
    "item_cards", "item_review", "label_of", "laid_out", "open_checks", "overview", "printed", "printed_row",
    "progress_view", "reason_text", "review_view", "sent_of", "sheet_rows", "shown_cell", "shown_table", "tally_text",
    "trend_of", "trends_of", "verification_lines", "worst_items",
]
