"""Settings -> the parts that ``app.py`` puts together. Nothing else names a concrete engine or observer."""
