"""The one door to a model: what can be asked, how it is put, and the answers that are kept."""

from audit.ask.asker import Asker
from audit.ask.expected_draws import Foresight
from audit.ask.identity import Answerer, asked_who, begin, opened_for, others, strangers, varying
from audit.ask.questions import procedure_for
from audit.ask.shared_budget import Borrower, Lender, Took, Wants
from audit.ask.spending import Account, Spending, told
from audit.ask.store import Store
from audit.ask.tallies import kept_in, worker_file
from audit.ask.worker_answers import Answer, Aside

__all__ = [
    "Account", "Answer", "Answerer", "Aside", "Asker", "Borrower", "Foresight", "Lender", "Spending", "Store", "Took",
    "Wants", "asked_who", "begin", "kept_in", "opened_for", "others", "procedure_for", "strangers", "told", "varying",
    "worker_file",
]
