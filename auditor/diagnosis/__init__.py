"""Verdicts and signals → causes and fixes: a table of rules as data."""
