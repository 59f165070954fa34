"""Whether the parts of a project match: settings, cluster, committed manifests and locks."""
