"""What people say of an audit, and where it stands after it."""

from audit.review.entries import (
    DECISIONS,
    RATINGS,
    STATUSES,
    Action,
    Comment,
    Decision,
    Due,
    Entry,
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
    "DECISIONS", "PROBLEMS", "RATINGS", "STATUSES", "Action", "Comment", "Decision", "Due", "Entry", "Override",
    "Owner", "Problem", "Rating", "RatingWord", "ReviewState", "Reviewed", "Reviews", "Sample", "SignOff", "Statement",
    "Status", "StatusWord", "TargetState", "Waiver", "add_reviews", "read_reviews", "sign_off_of", "signature_of",
    "state_after", "state_of", "waiver_in_force",
]
