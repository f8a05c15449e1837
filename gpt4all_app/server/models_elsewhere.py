"""Chat models behind an address as this server's own: for programs that know this server alone."""

import os
from collections.abc import Sequence
from functools import partial

from gpt4all_app.server.find_models import find_models
from gpt4all_app.server.served_models import ServedModel, ServedModels
from gpt4all_core.remote.chat import RemoteModel
from gpt4all_core.remote.client import Endpoint
from gpt4all_core.remote.model_facts import choose_model, read_models
from gpt4all_core.remote.options import EndpointOptions

_KEY_VARIABLE = "GPT4ALL_BASE_URL_KEY"
"""Not GPT4ALL_API_KEY: that is what this server's own callers bring, and no other server's business."""


def models_elsewhere(base_url: str, names: Sequence[str]) -> ServedModels:
    """The chat models that the address lists, or those of these names; and this disk's embedders and
    rerankers.

    Asks the address. Raises EndpointError where it does not answer, ModelNotFound for a name that it has not.
    """
    key = os.environ.get(_KEY_VARIABLE, "")
    with Endpoint(EndpointOptions(base_url, key)) as endpoint:
        listed = endpoint.ask("get", "models", read=read_models).result()
    chosen = [choose_model(listed, name, role="chat", address=base_url) for name in names]
    talking = chosen or [model for model in listed if model.role in {None, "chat"}]
    served = [
        ServedModel(each.label, "chat", partial(RemoteModel, each.name, base_url=base_url, api_key=key))
        for each in talking
    ]
    here = [model for model in find_models(()).listed if model.role != "chat"]
    return ServedModels([*served, *here])
