"""Reports of a run: one view, written in several formats."""
