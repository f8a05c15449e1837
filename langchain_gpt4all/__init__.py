"""LangChain classes over a local model and private documents."""
