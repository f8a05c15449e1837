"""Does a model fill a schema better if it is shown it, beside being held to it?

python benchmarks/shown_schema.py [MODEL]

A sentence's facts are asked for three times: as JSON that a schema rules; with the schema in a system
message too; and as the arguments of a call, which the model's template shows. All answers are valid; what
is counted is how many fields are right.
"""

import json
import sys
import time
from collections import Counter
from typing import Literal

from pydantic import BaseModel, Field

from gpt4all_core import GenerationParams, LocalModel, Message
from gpt4all_core.types import Tool, ToolUse

PARAMS = GenerationParams(temperature=0, max_tokens=80)
CITIES = ("Graz", "Linz", "Oslo", "Lima", "Rome", "Bonn", "Kyiv", "Cairo")
PEOPLE = ("Anna", "Bert", "Clara", "Dora", "Emil", "Fritz", "Greta", "Hugo")
SKIES = ("sunny", "cloudy", "rainy")


class Weather(BaseModel):
    """Names that say what they mean."""

    city: str = Field(max_length=24)
    sky: Literal["sunny", "cloudy", "rainy"]
    degrees: int


class Sale(BaseModel):
    """The same, and descriptions."""

    seller: str = Field(description="who sold it", max_length=24)
    buyer: str = Field(description="who bought it", max_length=24)
    price: int = Field(description="in euros")


class Vague(BaseModel):
    """Names that mean nothing without their descriptions."""

    who: str = Field(description="the city's name", max_length=24)
    what: Literal["a", "b", "c"] = Field(description="a: sunny, b: cloudy, c: rainy")
    n: int = Field(description="the temperature in degrees")


def cases() -> list[tuple[str, BaseModel]]:
    """Sentences, and what they say."""
    told: list[tuple[str, BaseModel]] = []
    for number, city in enumerate(CITIES):
        sky, degrees, price = SKIES[number % 3], 3 * number + 2, 40 + 7 * number
        seller, buyer = PEOPLE[number], PEOPLE[(number + 3) % 8]
        weather = f"In {city} it is {sky} today, at {degrees} degrees."
        told.append((weather, Weather.model_construct(city=city, sky=sky, degrees=degrees)))
        told.append((weather, Vague.model_construct(who=city, what="abc"[number % 3], n=degrees)))
        sale = f"{seller} sold a bicycle to {buyer} for {price} euros."
        told.append((sale, Sale(seller=seller, buyer=buyer, price=price)))
    return told


def ask(model: LocalModel, way: str, sentence: str, kind: type[BaseModel]) -> BaseModel:
    schema = kind.model_json_schema()
    question = Message("user", f"Extract the facts as JSON: {sentence}")
    if way == "a call":
        tool_use = ToolUse((Tool(kind.__name__, kind.__doc__ or "", schema),), "required", is_parallel=False)
        [call] = model.chat([question], PARAMS, tool_use=tool_use).result().tool_calls
        return kind.model_validate_json(call.arguments)
    shown = Message("system", f"Answer with JSON that fits this JSON Schema:\n{json.dumps(schema)}")
    messages = [shown, question] if way == "shown" else [question]
    answer = model.chat(messages, PARAMS, constraint=model.constrain(schema=schema)).result()
    return kind.model_validate_json(answer.text)


def main(name: str) -> None:
    with LocalModel(name, reproducible=True) as model:
        for way in ("held only", "shown", "a call"):
            right: Counter[str] = Counter()
            began = time.process_time()
            for sentence, truth in cases():
                found = ask(model, way, sentence, type(truth))
                right[type(truth).__name__] += sum(
                    getattr(found, field) == value for field, value in truth.model_dump().items()
                )
            print(way, dict(right), "of 24 each;", f"{time.process_time() - began:.1f} s of processor time")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "smollm2-135m-instruct")
