"""Keyed marks in text, read from token ids: one scheme for each variant, one kind of reading for all of them."""
