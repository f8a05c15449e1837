"""Which model of an address is meant."""

from gpt4all_core.catalog.entry import Role
from gpt4all_core.errors import EndpointError
from gpt4all_core.remote.client import Endpoint
from gpt4all_core.remote.model_facts import ModelFacts, choose_model, read_models

_NO_LIST = frozenset({404, 405, 501})


async def listed_model(endpoint: Endpoint, asked: str | None, *, role: Role) -> ModelFacts:
    """What the address tells of the model asked for, or of its model of this role; see `choose_model`.

    Of an address without `/v1/models` the name that was asked for is all there is.
    """
    try:
        models = await endpoint.ask("get", "models", read=read_models).aresult()
    except EndpointError as error:
        if asked is None or error.status not in _NO_LIST:
            raise
        return ModelFacts(asked)
    return choose_model(models, asked, role=role, address=endpoint.address)
