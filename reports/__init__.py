"""Dokimasia reports: from an audit folder to documents and figures; nothing is measured here."""
