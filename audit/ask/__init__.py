"""The one door to a model: what can be asked, how it is put, and the answers that are kept."""
