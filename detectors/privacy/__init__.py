"""Privacy: personal data in texts, told by their form, never of whom they are."""
