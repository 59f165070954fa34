"""Retention: which runs keep their files, and the prune that deletes the others."""
