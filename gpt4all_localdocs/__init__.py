"""My folders, searchable, with citations."""
