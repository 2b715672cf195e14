"""geminid: a self-hosted server that speaks Google's Gemini API on open models."""

__version__ = "0.1.0"
