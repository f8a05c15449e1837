"""Files read, cut and embedded by other machines; what they make comes back here to be written."""
