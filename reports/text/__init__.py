"""Words, numbers and untrusted text, as they are printed."""
