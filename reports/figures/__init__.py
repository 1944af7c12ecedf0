"""Figures as inline SVG of our own."""
