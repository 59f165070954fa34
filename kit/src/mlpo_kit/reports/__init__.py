"""Reports: a page about a run."""
