"""Marks in images: a keyed pattern below what one sees, read back with an exact p-value."""
