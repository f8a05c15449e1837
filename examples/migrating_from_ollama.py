"""Programs written for Ollama, in process: the old lines stand beside the new ones, as comments.

    python examples/migrating_from_ollama.py [MODEL]

MODEL is what `ollama list` calls it. A model that Ollama has pulled is opened where it lies: nothing is
fetched, copied or converted, and no server has to run. Without one, the starter model stands in.
"""

import sys

from llama_index.core.llms import ChatMessage
from pydantic import BaseModel

import langchain_gpt4all
import llamaindex_gpt4all
from gpt4all_core import ModelNotFound, resolve_model

STARTER = "smollm2-135m-instruct"


class City(BaseModel):
    name: str
    country: str


def weather(city: str) -> str:
    """The weather in a city."""
    return f"It is sunny in {city}."


def with_langchain(name: str) -> None:
    # llm = langchain_ollama.ChatOllama(
    #     model=name, temperature=0, num_ctx=2048, num_predict=64, keep_alive="5m")
    llm = langchain_gpt4all.ChatGPT4All(
        model=name, temperature=0, context_size=2048, max_tokens=64, idle_ttl_s=300
    )
    with llm:
        for chunk in llm.stream("Say hello."):
            print(chunk.text, end="", flush=True)
        print()
        # Ollama takes tool_choice and ignores it; here the model has to call.
        [call] = llm.bind_tools([weather], tool_choice="weather").invoke("Is it warm in Graz?").tool_calls
        print(call["name"], call["args"])
        print(repr(llm.with_structured_output(City).invoke("Name a city in Austria.")))


def with_llamaindex(name: str) -> None:
    # llm = llama_index.llms.ollama.Ollama(
    #     model=name, temperature=0, context_window=2048, request_timeout=60,
    #     additional_kwargs={"num_predict": 64})
    llm = llamaindex_gpt4all.GPT4All(model=name, temperature=0, context_size=2048, timeout=60, max_tokens=64)
    with llm:
        print(llm.chat([ChatMessage("Say hello.")]).message.content)
        print(repr(llm.as_structured_llm(City).complete("Name a city in Austria.").raw))


def embed() -> None:
    # embeddings = langchain_ollama.OllamaEmbeddings(model="all-minilm")
    with langchain_gpt4all.GPT4AllEmbeddings(model="all-minilm") as embeddings:
        print(len(embeddings.embed_query("Which animal barks?")), "numbers")


def main(name: str) -> None:
    try:
        print(f"{name} is {resolve_model(name)}")
    except ModelNotFound:
        print(f"Ollama keeps no {name} on this disk; taking {STARTER}")
        name = STARTER
    with_langchain(name)
    with_llamaindex(name)
    embed()


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or "llama3.2:3b")
