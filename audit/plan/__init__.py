"""The plan: what is asked of which model against which limits, frozen before anything is asked."""
