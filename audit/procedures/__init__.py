"""Procedures that keep calling a model and answer once, with arrays; torch comes only with the model they are given."""
