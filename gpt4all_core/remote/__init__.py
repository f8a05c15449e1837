"""Models behind an address: whatever speaks OpenAI's API, in the place of a model in a file."""
