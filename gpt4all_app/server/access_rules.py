"""What each address of the server asks of those who call it. An address that is not here lets nobody in."""

from dataclasses import dataclass
from typing import Final, Literal

from starlette.routing import compile_path

from gpt4all_app.server.access_actions import Action

Need = Literal["open", "member", "models", "collection", "create", "searched", "administrator"]
"""open: nothing, not even a key. member: a key. models: that one may ask models. collection: a right to the
collection that the address names. create: that one may make the collection that the body names. searched: a
key; what is found is only of collections that one may read. administrator: to be one."""


@dataclass(frozen=True, slots=True)
class Rule:
    """action: what is done, for the rules and for the audit log. is_logged: whether that tells of it."""

    need: Need
    action: Action | None = None
    is_logged: bool = True

    @property
    def takes_tokens(self) -> bool:
        """Whether a model may be asked for much: such requests end with the tokens of a day."""
        return self.need == "models"


_OPEN: Final = Rule("open", is_logged=False)
_MEMBER: Final = Rule("member", is_logged=False)
_MODELS: Final = Rule("models", "use_models")
_READ: Final = Rule("collection", "read")
_WRITE: Final = Rule("collection", "write")
_OWN: Final = Rule("collection", "own")
_ONE: Final = "/v1/collections/{collection}"

RULES: Final[dict[tuple[str, str], Rule]] = {
    ("GET", "/health"): _OPEN,
    ("GET", "/"): _OPEN,
    ("HEAD", "/"): _OPEN,
    ("GET", "/web/{path:path}"): _OPEN,
    ("HEAD", "/web/{path:path}"): _OPEN,
    ("GET", "/openapi.json"): _MEMBER,
    ("HEAD", "/openapi.json"): _MEMBER,
    ("GET", "/v1/models"): _MEMBER,
    ("GET", "/v1/models/{model:path}"): _MEMBER,
    ("GET", "/v1/usage"): _MEMBER,
    ("GET", "/v1/usage/{user}"): Rule("administrator", "administer"),
    ("GET", "/metrics"): Rule("administrator", "administer", is_logged=False),
    ("POST", "/v1/chat/completions"): _MODELS,
    ("POST", "/v1/responses"): _MODELS,
    ("POST", "/v1/completions"): _MODELS,
    ("POST", "/v1/embeddings"): _MODELS,
    ("POST", "/v1/rerank"): _MODELS,
    ("POST", "/tokenize"): _MEMBER,
    ("GET", "/v1/collections"): Rule("searched", "read", is_logged=False),
    ("POST", "/v1/collections"): Rule("create", "create"),
    ("GET", _ONE): _READ,
    ("DELETE", _ONE): _OWN,
    ("GET", f"{_ONE}/sharing"): _OWN,
    ("PUT", f"{_ONE}/sharing"): _OWN,
    ("GET", f"{_ONE}/files"): _READ,
    ("POST", f"{_ONE}/files"): _WRITE,
    ("DELETE", f"{_ONE}/files/{{file}}"): _WRITE,
    ("POST", f"{_ONE}/sync"): _WRITE,
    # It is everybody's sync.
    ("DELETE", f"{_ONE}/sync"): Rule("administrator", "administer"),
    ("GET", f"{_ONE}/map"): _READ,
    ("POST", f"{_ONE}/map"): _READ,
    ("POST", "/v1/chunks"): Rule("searched", "read"),
    ("GET", "/v1/passages/{passage}"): Rule("searched", "read"),
}
"""By method and path, as the app's routes have them."""

# As the routes themselves are matched: a path that reaches one has its rule, however odd it is.
_PATTERNS: Final = [(method, compile_path(path)[0], rule) for (method, path), rule in RULES.items()]


def rule_of(method: str, path: str) -> Rule | None:
    """The rule for a request of this path, before anything has looked for its route; None for no address.

    >>> rule_of("GET", "/v1/collections/papers/files").action
    'read'
    """
    return next((rule for verb, pattern, rule in _PATTERNS if verb == method and pattern.match(path)), None)
