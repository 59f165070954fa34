"""The model registry, the tracking of training runs, and the model server."""
