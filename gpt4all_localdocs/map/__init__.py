"""A map of documents: passages as points of a plane, near those that say something like it.

`LocalDocs.map` is the way in. `layout` computes, in a process of its own; `labels` finds words for topics;
`kept_map` keeps what came out beside the index.
"""
