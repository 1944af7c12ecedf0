"""From measures to verdicts: one meaning everywhere."""
