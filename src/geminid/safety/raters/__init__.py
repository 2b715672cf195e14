"""What rates texts. Each rater can be replaced by another: see ``base.py`` of the package above."""
