"""The plan: what is asked of which model against which limits, frozen before anything is asked."""

from audit.plan.checks import Check, Plan
from audit.plan.differing import PlanDifference, differences, plan_differences, refusal
from audit.plan.external_access import Confined, lacking_keys, reaches, require_keys
from audit.plan.frozen import audited_data, freeze, plan_text
from audit.plan.loading import load_plan, read_plan
from audit.plan.parts import PartReader
from audit.plan.registration import attempts_of, check_deviations, register_end, register_missed_end, register_plan
from audit.plan.run_mac import is_own, vouched
from audit.plan.short_form import as_plan
from audit.plan.spec import PlanSpec

__all__ = [
    "Check", "Confined", "PartReader", "Plan", "PlanDifference", "PlanSpec", "as_plan", "attempts_of", "audited_data",
    "check_deviations", "differences", "freeze", "is_own", "lacking_keys", "load_plan", "plan_differences", "plan_text",
    "reaches", "read_plan", "refusal", "register_end", "register_missed_end", "register_plan", "require_keys",
    "vouched",
]
