"""The cluster: its description, the image, the manifests, and the checks before a run."""
