"""Finds the code samples of documentation pages, makes programs of them, runs them. ``run_samples.py`` calls."""
