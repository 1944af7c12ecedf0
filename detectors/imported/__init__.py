"""Imported scores: what another tool's scores say, with intervals, and whether its own numbers follow from them."""
