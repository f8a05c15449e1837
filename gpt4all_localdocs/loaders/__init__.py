"""From a file to its text: one module a format, found through `registry`, run in a child by `process`."""
