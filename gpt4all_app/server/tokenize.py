"""`/tokenize`: how many tokens a text has, in the form of vLLM's."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from gpt4all_app.server.body_reading import ReadingRoute
from gpt4all_app.server.requests import WholeRequest, ignored_header
from gpt4all_app.server.served_models import ServedModels
from gpt4all_core.off_loop import off_loop


class TokenizeRequest(WholeRequest):
    """A text to count in a model's vocabulary."""

    model: str | None = Field(default=None, min_length=1)
    prompt: str

    add_special_tokens: Literal[False] = False
    """They are not counted: templates and embedders put them around a text."""


class TokenCount(BaseModel):
    """Tokens of the text. Their ids are not told: they say nothing outside of this program."""

    count: int
    model: str


def tokenize_router(models: ServedModels) -> APIRouter:
    """The address that counts tokens."""
    router = APIRouter(tags=["models"], route_class=ReadingRoute)

    @router.post("/tokenize")
    async def count_tokens(asked: TokenizeRequest, response: Response) -> TokenCount:
        """Count the tokens of a text, for a model that writes or embeds."""
        response.headers.update(ignored_header(asked.ignored))
        return await off_loop(lambda: _count(models, asked), lane=models)

    return router


def _count(models: ServedModels, asked: TokenizeRequest) -> TokenCount:
    is_embedder = asked.model is not None and models.find(asked.model).role == "embedder"
    model = models.embedder(asked.model) if is_embedder else models.chat(asked.model)
    return TokenCount(count=model.count_tokens(asked.prompt), model=asked.model or model.name)
