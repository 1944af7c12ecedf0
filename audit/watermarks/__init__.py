"""Putting watermarks into what a model makes, and their keys; finding them is the work of `detectors.provenance`."""
