"""Provenance: does what a model makes carry a mark?"""
