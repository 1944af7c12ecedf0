"""Bias in the data themselves: who is in them, who is not, and what tells one group from another."""
