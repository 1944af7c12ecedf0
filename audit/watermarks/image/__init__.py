"""Putting keyed marks into images; `detectors.provenance.image` reads them."""
