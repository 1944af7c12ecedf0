"""Provenance: does a text carry the mark of a key, and how sure can one be?"""
