"""The parts of ``scale.py``: each makes one table."""
