"""Robustness: does a model answer the same when what it is shown changes, and its meaning does not?"""
