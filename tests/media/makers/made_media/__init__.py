"""Media made by code, with what is in it known beforehand: for the tests of ``media/`` and for ``bench/``.

The folder above is put on the path by whoever imports this; nothing of geminid is imported here.
"""
