"""What people say of an audit, and where it stands after it."""

from audit.review.entries import (
    FILE,
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
    Says,
    Status,
    read_reviews,
    signature_of,
)
from audit.review.overrides import PROBLEMS, Reviewed
from audit.review.state import (
    Problem,
    SignOff,
    Standing,
    State,
    Waiver,
    signing_of,
    state_after,
    state_of,
    waiver_in_force,
)
from audit.review.writer import add_reviews

__all__ = [
    "FILE", "PROBLEMS", "Action", "Comment", "Decision", "Due", "Entry", "Override", "Owner", "Problem", "Rating",
    "Reviewed", "Reviews", "Sample", "Says", "SignOff", "Standing", "State", "Status", "Waiver", "add_reviews",
    "read_reviews", "signature_of", "signing_of", "state_after", "state_of", "waiver_in_force",
]
