"""Test suites that others wrote: what they are, how they are got, played against geminid, and judged."""
