"""Bias: in what a model prefers and in what it draws."""
