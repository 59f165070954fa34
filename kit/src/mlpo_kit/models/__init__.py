"""Models: the registry, tracking, and the server."""
