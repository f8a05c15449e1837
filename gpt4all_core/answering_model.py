"""What adapters talk to: a model in this process, or one behind an address; for annotations."""

from gpt4all_core.local_model import LocalModel
from gpt4all_core.remote.chat import RemoteModel

AnsweringModel = LocalModel | RemoteModel
"""Both have the same methods for conversations, texts, rules and token counts."""
