"""Adapters: one file for each family of models; importing one is light, opening a model imports torch."""
