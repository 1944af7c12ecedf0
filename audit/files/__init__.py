"""Bytes that can be trusted: canonical JSON, digests, reads that cannot hang, writes that a kill cannot halve."""
