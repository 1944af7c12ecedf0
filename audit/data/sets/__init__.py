"""Data sets that come with the package, as files or as functions that return a frame."""
