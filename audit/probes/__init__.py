"""Probes: one file for each question that an audit can put."""
