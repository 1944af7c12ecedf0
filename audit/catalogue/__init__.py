"""An index over many audits that can be thrown away: which of them a list shows, in which order, and what a word is in.

Nothing is believed because it stands here: what a screen says of an audit it reads from the audit's folder.
"""

from audit.catalogue.asking import ORDERS, Asked, Counts
from audit.catalogue.catalogue import Catalogue
from audit.catalogue.header import Header, header_of
from audit.catalogue.places import CATALOGUE
from audit.catalogue.rows import STATES
from audit.catalogue.stands import Stand, stand_in

__all__ = [
    "CATALOGUE", "ORDERS", "STATES", "Asked", "Catalogue", "Counts", "Header", "Stand", "header_of", "stand_in",
]
