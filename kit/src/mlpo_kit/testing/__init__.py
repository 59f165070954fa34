"""What a project's tests and first steps need: fixtures, sample data."""
