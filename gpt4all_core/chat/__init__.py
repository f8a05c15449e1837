"""Messages to prompt text and back; knows text, never a model."""
