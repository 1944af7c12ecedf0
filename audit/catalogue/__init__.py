"""An index over many audits that can be thrown away: which of them a list shows, in which order, and what a word is in.

Nothing is believed because it stands here: what a screen says of an audit it reads from the audit's folder.
"""

from audit.catalogue.catalogue import Catalogue
from audit.catalogue.header import Header, header_of
from audit.catalogue.list_queries import ORDERS, Asked, Counts
from audit.catalogue.places import CATALOGUE
from audit.catalogue.register_queries import SOON, Place, ToSettle
from audit.catalogue.review_status import Stand, stand_in
from audit.catalogue.rows import STATES
from audit.catalogue.targets import given_items, is_listed, mark_of

__all__ = [
    "CATALOGUE", "ORDERS", "SOON", "STATES", "Asked", "Catalogue", "Counts", "Header", "Place", "Stand", "ToSettle",
    "given_items", "header_of", "is_listed", "mark_of", "stand_in",
]
