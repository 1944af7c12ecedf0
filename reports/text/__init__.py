"""Words, numbers and untrusted text, as they are printed."""

from reports.text.face_file import FACE, font_face, typeface
from reports.text.markdown import escape_markdown
from reports.text.notation import Notation, bounds_of, digits_for
from reports.text.plain_words import Counting, gloss, interval_in, meaning, measure_name, told_in
from reports.text.sanitise import cell_text, one_line, visible
from reports.text.words import Words, languages, words_of

__all__ = [
    "FACE", "Counting", "Notation", "Words", "bounds_of", "cell_text", "digits_for", "escape_markdown", "font_face",
    "gloss", "interval_in", "languages", "meaning", "measure_name", "one_line", "told_in", "typeface",
    "visible", "words_of",
]
