"""`/v1/models`: which models answer here."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from gpt4all_app.server.model_card import model_card
from gpt4all_app.server.served_models import ServedModel, ServedModels, ServedRole
from gpt4all_core.catalog.entry import CommercialUse


class ModelFacts(BaseModel):
    """id: its name in requests. role: which addresses it answers at.

    What follows it is no field of OpenAI's either; null is what is not known. size_bytes: of the file.
    memory_bytes: of weights, KV cache and buffers with `context_tokens` of prompt and answer.
    commercial_use: whether its licence lets it earn money. languages: ISO 639-1 codes, or "many". tools:
    whether it was made to call functions; others are told how in their instructions.
    """

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    role: ServedRole
    size_bytes: int | None
    memory_bytes: int | None
    context_tokens: int | None
    licence: str | None
    commercial_use: CommercialUse | None
    languages: list[str] | None
    thinks: bool | None
    tools: bool | None


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
        **model_card(model.path),
    }
