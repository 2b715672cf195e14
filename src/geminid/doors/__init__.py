"""Bytes <-> calls: each door decodes a request, makes a Call, and writes the answer in its dialect."""
