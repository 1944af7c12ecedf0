"""Causal language models from disk: weights, encoding, scores, draws."""
