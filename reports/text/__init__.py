"""Words, numbers and untrusted text, as they are printed."""

from reports.text.markdown import escape_markdown
from reports.text.notation import Notation, bounds_of, digits_for
from reports.text.sanitise import cell_text, one_line, visible
from reports.text.words import Words, languages, words_of

__all__ = [
    "Notation", "Words", "bounds_of", "cell_text", "digits_for", "escape_markdown", "languages", "one_line", "visible",
    "words_of",
]
