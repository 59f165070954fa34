"""One verb, one file: parse, call, report. No logic."""
