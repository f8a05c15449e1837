"""Which models exist, what is on disk, and whether a file can be loaded at all."""
