"""May this be said: policy (what was asked for), raters (how bad a text is), guard (what is let through)."""
