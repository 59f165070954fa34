"""Retention: the policy that decides which runs keep their files, and the prune that applies it."""
