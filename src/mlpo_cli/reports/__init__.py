"""A Decision rendered for people and for scripts."""
