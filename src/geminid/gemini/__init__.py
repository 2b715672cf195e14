"""What it means: models, ranges, rules and shapes of the Gemini API. Pure: no I/O, no engine."""
