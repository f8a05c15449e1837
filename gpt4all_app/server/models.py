"""`/v1/models`: which models answer here."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from gpt4all_app.server.served_models import ServedModel, ServedModels, ServedRole


class ModelFacts(BaseModel):
    """id: its name in requests. role: which addresses it answers at; not a field of OpenAI's."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    role: ServedRole


class ModelList(BaseModel):
    """The default of each role stands before its others."""

    object: Literal["list"]
    data: list[ModelFacts]


def models_router(models: ServedModels) -> APIRouter:
    """The addresses that tell of models."""
    router = APIRouter(tags=["models"])

    @router.get("/v1/models", response_model=ModelList)
    async def list_models() -> dict[str, Any]:
        """All models that are served."""
        return {"object": "list", "data": [_facts(model) for model in models.listed]}

    # Some names have a slash.
    @router.get("/v1/models/{model:path}", response_model=ModelFacts)
    async def get_model(model: str) -> dict[str, Any]:
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
    }
