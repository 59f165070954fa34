"""A small project for the kit's tests: the seven stages, without torch, done in milliseconds."""
