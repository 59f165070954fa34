"""The cluster: what pods and images are, and what is asked before a run."""
