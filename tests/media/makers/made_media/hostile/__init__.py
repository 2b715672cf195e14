"""Files that are out to harm whoever opens them: for the tests of the decoders, and of the whole server.

Each module has a table of them by their names. A file is made when it is asked for: some are large.
"""
