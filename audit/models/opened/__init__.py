"""Opened models of images, series and rows: their networks, and what an audit can ask of them; torch lives here."""
