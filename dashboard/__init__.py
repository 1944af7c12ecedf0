"""Dokimasia dashboard: from audit folders to a screen; nothing is computed here."""
