"""Measurements. Every figure in README and docs is written by one of these programs, never by hand."""
