"""The one door to a model: what can be asked, how it is put, and the answers that are kept."""

from audit.ask.asker import Asker
from audit.ask.identity import Answerer, asked_who, begin, opened_for, others, strangers, varying
from audit.ask.store import Store

__all__ = ["Answerer", "Asker", "Store", "asked_who", "begin", "opened_for", "others", "strangers", "varying"]
