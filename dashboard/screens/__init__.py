"""Dokimasia dashboard: one module a screen, each with `show(place, words)`."""
