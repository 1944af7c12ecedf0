"""Is an audit what was written: digests, judging again, seals and bundles."""
