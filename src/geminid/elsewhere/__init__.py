"""Who answers in Gemini's own words: the real service, another geminid, recordings of either."""
