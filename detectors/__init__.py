"""Dokimasia detectors: measurement on arrays and frames; no models, files, clocks or verdicts."""
