"""Small models of our own in two forms, sound and flawed on purpose, and the plans that audit them."""

from audit.reference.plans import WHEEL, find_language_model
from audit.reference.quickstart import Case, cases, tally
from audit.reference.starters import family_of, starter_plan
from audit.reference.starters.answers import ANSWERS, answers_plan
from audit.reference.starters.efficiency import efficiency_plan
from audit.reference.starters.for_clauses import ClausePlan, clause_plan
from audit.reference.starters.marks import mark_plan
from audit.reference.starters.memorisation import memorisation_plan
from audit.reference.starters.novelty import novelty_plans
from audit.reference.starters.privacy import privacy_plan
from audit.reference.starters.robustness import robustness_plan
from audit.reference.starters.tables import table_plan

__all__ = [
    "ANSWERS", "WHEEL", "Case", "ClausePlan", "answers_plan", "cases", "clause_plan", "efficiency_plan", "family_of",
    "find_language_model", "mark_plan", "memorisation_plan", "novelty_plans", "privacy_plan", "robustness_plan",
    "starter_plan", "table_plan", "tally",
]
