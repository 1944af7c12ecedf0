"""How the reference models were made; `python -m audit.reference.training.train` makes them again."""
