"""Bytes -> pieces: media of a request fetched, recognised, decoded, and shown to the model or described to it."""
