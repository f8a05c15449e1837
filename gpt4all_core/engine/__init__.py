"""Token ids in, token ids out: the owner thread of a model and all that it decides."""
