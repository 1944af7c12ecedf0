"""Putting watermarks into what a model makes; finding them is the work of `detectors.provenance`."""
