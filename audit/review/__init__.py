"""What people say of an audit, and where it stands after it."""

from audit.review.calls import Agreement, Call, Calls, Said, agreements, call_of, differ, person_of
from audit.review.entries import (
    CALLS,
    CHAIN_START,
    DECISIONS,
    RATINGS,
    STATUSES,
    Action,
    Answers,
    CallWord,
    Comment,
    Decision,
    DecisionWord,
    Due,
    Entry,
    Erasure,
    FileErased,
    Kept,
    Override,
    Owner,
    Rating,
    RatingWord,
    Reviews,
    Sample,
    Statement,
    Status,
    StatusWord,
    read_reviews,
    signature_of,
)
from audit.review.file_log import ReviewLog
from audit.review.log_place import REVIEWS, log_of, passed_over, pull_reviews, push_reviews
from audit.review.overrides import PROBLEMS, Reviewed, lacking_items
from audit.review.sides import call_item
from audit.review.state import Problem, ReviewState, SignOff, TargetState, sign_off_of, state_after, state_of
from audit.review.tombstones import changed_by, check_kept
from audit.review.waivers import Waiver, waiver_in_force
from audit.review.writer import add_made, add_reviews

__all__ = [
    "CALLS", "CHAIN_START", "DECISIONS", "PROBLEMS", "RATINGS", "REVIEWS", "STATUSES", "Action", "Agreement", "Answers",
    "Call", "CallWord", "Calls", "Comment", "Decision", "DecisionWord", "Due", "Entry", "Erasure", "FileErased", "Kept",
    "Override", "Owner", "Problem", "Rating", "RatingWord", "ReviewLog", "ReviewState", "Reviewed", "Reviews", "Said",
    "Sample", "SignOff", "Statement", "Status", "StatusWord", "TargetState", "Waiver", "add_made", "add_reviews",
    "agreements", "call_item", "call_of", "changed_by", "check_kept", "differ", "lacking_items", "log_of",
    "passed_over", "person_of", "pull_reviews", "push_reviews", "read_reviews", "sign_off_of", "signature_of",
    "state_after", "state_of", "waiver_in_force",
]
