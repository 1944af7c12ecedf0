"""The one door to a model: what can be asked, how it is put, and the answers that are kept."""

from audit.ask.asker import Asker
from audit.ask.identity import Answerer, asked_who, begin, opened_for, others, strangers, varying
from audit.ask.spending import Account, Budget, Price, Spending, Tally, told
from audit.ask.store import Store

__all__ = [
    "Account", "Answerer", "Asker", "Budget", "Price", "Spending", "Store", "Tally", "asked_who", "begin", "opened_for",
    "others", "strangers", "told", "varying",
]
