import subprocess
import sys

import pytest
from llama_index.core.embeddings.loading import RECOGNIZED_EMBEDDINGS, load_embed_model
from llama_index.core.llms.loading import RECOGNIZED_LLMS, load_llm

from llamaindex_gpt4all import GPT4All, GPT4AllEmbedding, register


@pytest.fixture(autouse=True)
def _tables_as_they_were():
    saved = [(table, dict(table)) for table in (RECOGNIZED_LLMS, RECOGNIZED_EMBEDDINGS)]
    for table, _ in saved:  # whoever ran before may have registered
        for kind in (GPT4All, GPT4AllEmbedding):
            table.pop(kind.class_name(), None)
    yield
    for table, before in saved:
        table.clear()
        table.update(before)


def test_saved_objects_are_made_again_by_name():
    llm = GPT4All(model="m", temperature=0.3, stop=["a", "b"], seed=3, reasoning=True)
    embedding = GPT4AllEmbedding(query_prefix="q: ")
    with pytest.raises(ValueError, match="GPT4All_llm"):
        load_llm(llm.to_dict())
    register()
    register()
    assert load_llm(llm.to_dict()).to_dict() == llm.to_dict()
    assert load_embed_model(embedding.to_dict()).to_dict() == embedding.to_dict()


def test_importing_the_package_registers_nothing():
    code = (
        "import llamaindex_gpt4all as ours; ours.GPT4All;"
        "from llama_index.core.llms.loading import RECOGNIZED_LLMS as known;"
        "raise SystemExit(ours.GPT4All.class_name() in known)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
