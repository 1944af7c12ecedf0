"""Marks in sound: the pattern of a key, and how sure it is that a sound carries it."""
