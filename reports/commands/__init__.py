"""The commands of the documents, named by entry points."""
