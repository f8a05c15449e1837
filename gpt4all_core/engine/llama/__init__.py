"""The border to llama.cpp: weights and vocabulary, contexts and embedding contexts."""
