"""Novelty: do a model's own scores tell what it has not learnt?"""
