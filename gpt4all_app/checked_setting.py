"""What addresses and choices in settings have to be, told before anything uses them."""

from gpt4all_core.remote.options import checked_address
from gpt4all_localdocs import IndexOptions


def check_setting(name: str, value: str) -> None:
    """Raise ConfigError for a value that whoever uses the setting would refuse; an address hides its key."""
    if name in {"base_url", "embedder_base_url"}:
        checked_address(value, name=name)
    elif name == "vector_index":
        IndexOptions(vector_index=value)
    elif name == "workers":
        IndexOptions(workers=value)
