"""One file for each document that is made of an audit, of two, or of a judgement."""
