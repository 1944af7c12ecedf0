"""Questions to scores that another tool wrote."""
