"""Memorisation: does a model tell what it was trained on? Evidence on passages and scores, never on people."""
