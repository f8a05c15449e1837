"""The programs people run."""
