"""May this call pass: wrappers around a call, each one concern, listed in order in ``app.py``."""
