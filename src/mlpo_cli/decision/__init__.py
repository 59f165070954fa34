"""The decision engine: from rules and answers to a Decision, without disk, terminal or clock."""
