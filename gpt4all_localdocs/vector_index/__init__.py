"""Nearest neighbours among an index's vectors: derived from the store, never the only copy."""
