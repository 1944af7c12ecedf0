"""Who says so: keys, signatures, names of people, and what this installation wrote itself."""
