"""What a project's tests and first steps need: sample data."""
