"""`/v1/models`: which models answer here."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from gpt4all_app.server.model_card import ModelCard, embedder_identity, model_card
from gpt4all_app.server.served_models import ServedModel, ServedModels, ServedRole


class OpenAIModel(BaseModel):
    """What OpenAI tells of a model, and its role: which addresses it answers at. id: its name in requests."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    role: ServedRole


class ModelFacts(ModelCard, OpenAIModel):
    """The same, and what its card says, null where that is not known.

    identity: of an embedder; equal where vectors can be compared, so that clients may keep them.
    """

    identity: str | None


class ModelList(BaseModel):
    """The default of each role stands before its others."""

    object: Literal["list"]
    data: list[ModelFacts]


def models_router(models: ServedModels) -> APIRouter:
    """The addresses that tell of models."""
    router = APIRouter(tags=["models"])

    @router.get("/v1/models", response_model=ModelList)
    def list_models() -> dict[str, Any]:
        """All models that are served; those that came to this disk since the start are among them."""
        models.look_again()
        return {"object": "list", "data": [_facts(model) for model in models.listed]}

    # Some names have a slash.
    @router.get("/v1/models/{model:path}", response_model=ModelFacts)
    def get_model(model: str) -> dict[str, Any]:
        """One of them."""
        return _facts(models.find(model))

    return router


def _facts(model: ServedModel) -> dict[str, Any]:
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": "local",
        "role": model.role,
        "identity": embedder_identity(model.path) if model.role == "embedder" else None,
        **model_card(model.path).model_dump(),
    }
