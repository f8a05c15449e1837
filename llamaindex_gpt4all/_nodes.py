"""Passages of your folders as LlamaIndex's nodes."""

import mimetypes
from collections.abc import Mapping
from typing import Any

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, RelatedNodeType, TextNode

from gpt4all_localdocs.place_metadata import place_metadata
from gpt4all_localdocs.source_text import is_absolute_path
from gpt4all_localdocs.types import Hit

_NOT_FOR_THE_MODEL = ["file_path", "file_type", "place"]
"""It is told the name of the file and the number of the page; folders are nobody's business."""


def to_node(hit: Hit) -> TextNode:
    """A passage as LlamaIndex's own readers and parsers would give it."""
    metadata = dict(hit.metadata) if hit.text_id else _of_file(hit)
    source = RelatedNodeInfo(
        node_id=hit.text_id or str(hit.path),
        metadata=dict(hit.metadata) if hit.text_id else {"file_name": hit.path.name},
    )
    relationships: dict[NodeRelationship, RelatedNodeType] = {NodeRelationship.SOURCE: source}
    hidden = [*_NOT_FOR_THE_MODEL, *_paths_among(metadata)]
    if hit.previous_id:
        relationships[NodeRelationship.PREVIOUS] = RelatedNodeInfo(node_id=hit.previous_id)
    if hit.next_id:
        relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id=hit.next_id)
    return TextNode(
        id_=hit.chunk_id,
        text=hit.text,
        metadata=metadata,
        excluded_llm_metadata_keys=hidden,
        excluded_embed_metadata_keys=hidden,
        relationships=relationships,
        start_char_idx=hit.span[0],
        end_char_idx=hit.span[1],
    )


def _paths_among(metadata: Mapping[str, Any]) -> list[str]:
    """The names under which a program gave a text the path that it comes from."""
    return [name for name, value in metadata.items() if isinstance(value, str) and is_absolute_path(value)]


def _of_file(hit: Hit) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "file_path": str(hit.path),
        "file_name": hit.path.name,
        "place": hit.place,
    }
    if file_type := mimetypes.guess_type(hit.path.name)[0]:
        metadata["file_type"] = file_type
    # LlamaIndex's readers have no `page`; what a number is called there is `page_label`.
    return metadata | {name: value for name, value in place_metadata(hit).items() if name != "page"}
