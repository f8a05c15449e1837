"""Programs written for langchain-community: the old lines stand beside the new ones, as comments.

    python examples/migrating_from_langchain_community.py

What an argument is called now, or why there is none, docs/migrating_langchain.md tells in tables, and so does
the error that a name of before raises.
"""

from langchain_core.prompts import PromptTemplate
from langchain_core.vectorstores import InMemoryVectorStore
from pydantic import BaseModel

from gpt4all_core import UnsupportedParameter, resolve_model
from langchain_gpt4all import ChatGPT4All, GPT4All, GPT4AllEmbeddings

GGUF = str(resolve_model("smollm2-135m-instruct"))  # the path of any model
TEXTS = ["The printer is on the second floor.", "Lunch is at noon."]


class City(BaseModel):
    name: str
    country: str


def complete() -> None:
    # llm = langchain_community.llms.GPT4All(model=GGUF, n_threads=2, temp=0, n_predict=8, streaming=True)
    llm = GPT4All(model=GGUF, threads=2, temperature=0, max_tokens=8)
    with llm:
        chain = PromptTemplate.from_template("{text}") | llm
        for piece in chain.stream({"text": "One, two, three,"}):
            print(piece, end="", flush=True)
        print()


def chat() -> None:
    # llm = langchain_community.chat_models.ChatLlamaCpp(
    #     model_path=GGUF, n_ctx=2048, last_n_tokens_size=64, max_tokens=48, temperature=0,
    #     grammar_path="city.gbnf", n_gpu_layers=-1)  # as many layers as fit, where it is left out
    llm = ChatGPT4All(model=GGUF, context_size=2048, repeat_last_n=64, max_tokens=48, temperature=0)
    with llm:
        # A batch ended the program there; here its requests are decoded together.
        print([answer.text for answer in llm.batch(["Say hello.", "Say goodbye."], max_tokens=6)])
        # A schema in the place of a grammar.
        print(repr(llm.with_structured_output(City).invoke("Name a city in Austria.")))


def search() -> None:
    # embeddings = langchain_community.embeddings.GPT4AllEmbeddings(
    #     n_threads=2, gpt4all_kwargs={"allow_download": "True"})
    with GPT4AllEmbeddings(threads=2) as embeddings:  # the same model, which comes along
        store = InMemoryVectorStore.from_texts(TEXTS, embeddings)
        print(store.similarity_search("Where can I print?", k=1)[0].page_content)


def main() -> None:
    complete()
    chat()
    search()
    try:
        ChatGPT4All(model=GGUF, n_ctx=2048)
    except UnsupportedParameter as error:
        print(error)


if __name__ == "__main__":
    main()
