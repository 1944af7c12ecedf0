"""Trainers: what `dokimasia fit` makes models with, and how the reference models were made."""
