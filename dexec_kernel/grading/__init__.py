"""Proving a lab, and grading a class: notebooks run in fresh labs, and tables tell the outcome."""
