"""Hand a version of a model over to another project, as one file."""
