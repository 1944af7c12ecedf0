"""Does a video carry the mark of a key: one p-value for all of its frames."""
