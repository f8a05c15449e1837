"""A local model you can talk to: llama.cpp in process, one shared engine a model."""
