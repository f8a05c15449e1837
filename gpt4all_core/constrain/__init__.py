"""Rules for the text, compiled to token masks."""
