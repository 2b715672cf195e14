"""Texts that the operator wants recognised, and where an answer repeats them word for word.

``library`` keeps the texts, ``index`` opens them for a server, ``matching`` follows one answer. Nothing here knows
of engines or of the API: a guard does.
"""
