"""From an audit to the clauses that it is evidence for: by rule, with all that lacks."""
