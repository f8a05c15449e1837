"""What a search can be told reaches it from the retrievers and the tools of both adapters."""

import pytest

import langchain_gpt4all
import llamaindex_gpt4all
from gpt4all_core.errors import ConfigError
from gpt4all_localdocs import Refine

ASKING = {
    "langchain retriever": lambda **given: langchain_gpt4all.LocalDocsRetriever(**given).invoke("leave"),
    "langchain tool": lambda docs, **given: langchain_gpt4all.create_localdocs_tool(docs, **given).invoke(
        {"query": "leave"}
    ),
    "llamaindex retriever": lambda docs, **given: llamaindex_gpt4all.LocalDocsRetriever(
        docs, **given
    ).retrieve("leave"),
    "llamaindex tool": lambda docs, **given: llamaindex_gpt4all.create_localdocs_tool(docs, **given).call(
        query="leave"
    ),
    "llamaindex retriever with another filter": lambda docs, **given: (
        llamaindex_gpt4all.LocalDocsRetriever(docs, **given | {"filter": None})
        .with_filter(given["filter"])
        .retrieve("leave")
    ),
}


class Shelf:
    def search(self, query, *, k, mode, where, refine=None):
        self.asked = {"k": k, "mode": mode, "filter": where, "refine": refine}
        return []


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
def test_every_choice_of_a_search_reaches_it(ask):
    given = {"k": 3, "mode": "keyword", "filter": {"page": 4}, "refine": Refine(diversity=0.5)}
    ask(docs=(shelf := Shelf()), **given)
    assert shelf.asked == given


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
def test_what_is_no_refinement_is_refused(ask):
    with pytest.raises(ConfigError, match="refine"):
        ask(docs=Shelf(), filter=None, refine="mmr")
