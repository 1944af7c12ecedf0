"""The policy: what an organisation demands of an audit, whoever wrote its plan."""

from audit.policy.judgement import Judgement, judge_audit
from audit.policy.rules import RuleResult
from audit.policy.spec import Policy, baseline_of, load_policy

__all__ = ["Judgement", "Policy", "RuleResult", "baseline_of", "judge_audit", "load_policy"]
