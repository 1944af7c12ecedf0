"""Efficiency: what an answer costs, in time."""
