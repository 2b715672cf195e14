"""The OpenAI dialect of the Gemini API: chat completions and the list of models.

A request becomes a GenerateContentRequest, its answer a chat completion; nothing else of geminid knows this form.
Google's own page on it: https://cloud.google.com/vertex-ai/generative-ai/docs/migrate/openai/overview
"""
