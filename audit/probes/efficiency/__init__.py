"""Efficiency: what an answer costs, and whether a smaller model gives the same."""
