"""The policy: what an organisation demands of an audit, whoever wrote its plan."""

from audit.policy.judgement import Judgement, judge_audit
from audit.policy.rules import Ruling
from audit.policy.spec import Policy, baseline_of, load_policy

__all__ = ["Judgement", "Policy", "Ruling", "baseline_of", "judge_audit", "load_policy"]
