"""What people say of an audit, and where it stands after it."""

from audit.review.entries import (
    Action,
    Comment,
    Decision,
    Due,
    Entry,
    Override,
    Owner,
    Rating,
    Reviews,
    Sample,
    Statement,
    Status,
    read_reviews,
    signature_of,
)
from audit.review.overrides import PROBLEMS, Reviewed
from audit.review.state import (
    Problem,
    ReviewState,
    SignOff,
    TargetState,
    Waiver,
    sign_off_of,
    state_after,
    state_of,
    waiver_in_force,
)
from audit.review.writer import add_reviews

__all__ = [
    "PROBLEMS", "Action", "Comment", "Decision", "Due", "Entry", "Override", "Owner", "Problem", "Rating",
    "ReviewState", "Reviewed", "Reviews", "Sample", "SignOff", "Statement", "Status", "TargetState", "Waiver",
    "add_reviews", "read_reviews", "sign_off_of", "signature_of", "state_after", "state_of", "waiver_in_force",
]
