"""Efficiency: what an answer costs."""
