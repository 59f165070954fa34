"""The decision engine: rules and answers in, a Decision out. No disk, no terminal, no clock."""
