"""Models that other programs keep on this disk: one file a program, each with `PROGRAM` and `kept_files`.

Nothing there is ever written, moved, removed or locked.
"""
