"""Bias, in data and in output."""
