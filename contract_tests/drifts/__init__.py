"""A catalogue of deliberately wrong targets, each of which the suite has to catch."""
