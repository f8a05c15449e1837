"""What programs expect of a class of LlamaIndex, and where old integrations break: each has its tests.

LlamaIndex has no standard tests for integrations, so this list stands in for them. It is kept honest by
the last test: what is named here exists.
"""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

FEATURES = {
    "chat, complete, their streams and async twins": [
        "llm::the_eight_methods_give_one_answer",
        "llm::a_stream_grows_by_its_deltas",
        "results::the_responses_of_a_stream_grow_by_their_deltas",
    ],
    "async that is no sync call in disguise": [
        "adapters_off_the_loop::the_loop_turns_while_a_request_is_prepared",
        "adapters_at_once::three_event_loops_in_threads_are_decoded_together",
        "tools::an_event_loop_runs_on_while_grammars_are_compiled",
    ],
    "arguments of a call": [
        "tools::what_a_call_cannot_ask_for_is_refused_by_name",
        "llm::what_a_call_cannot_change_is_refused",
        "structured::a_call_may_say_how_the_object_is_written",
        "tools::how_much_to_think_is_said_by_the_object_or_the_call",
    ],
    "the model's own chat template, or a prompt maker": [
        "templates::every_conversation_renders_on_every_template",
        "llm::a_prompt_maker_of_ones_own_takes_the_templates_place",
        "llm::a_formatted_prompt_is_sent_as_it_stands",
    ],
    "chat_with_tools and its twins, tool_required, tool_choice, parallel calls": [
        "tools::every_face_gives_the_same_calls_thoughts_and_text",
        "tools::what_must_be_called_reaches_the_model",
        "starter::a_call_that_must_come_comes_on_every_face_and_fits",
    ],
    "predict_and_call": ["tools::predicting_and_calling_calls_the_tool"],
    "tool calls in a stream, with the arguments so far": [
        "tools::the_calls_of_every_chunk_can_be_asked_for",
        "results::arguments_in_the_middle_of_a_stream_never_raise",
    ],
    "structured_predict, its streams and async twins, as_structured_llm": [
        "structured::every_method_gives_the_object",
        "structured::streams_show_the_object_growing_and_end_in_its_class",
        "structured::a_structured_llm_answers_with_objects_only",
        "starter::whatever_the_model_writes_is_an_object",
    ],
    "blocks in: text, picture, sound, document, thought, call, cache point": [
        "messages::a_whole_agents_turn_comes_through_in_its_places",
        "messages::pictures_stand_among_the_texts",
        "messages::sounds_stand_among_the_texts",
        "messages::the_text_of_a_document_takes_its_place",
        "messages::what_a_cache_point_marks_is_said_without_it",
        "messages::what_the_model_cannot_be_told_is_refused_by_name",
    ],
    "blocks out: thought, text, call": [
        "results::a_whole_answer_has_its_blocks_in_the_order_in_which_models_speak"
    ],
    "thinking, switched by the object or a call": [
        "tools::how_much_to_think_is_said_by_the_object_or_the_call",
        "tools::thoughts_are_told_as_they_come",
    ],
    "usage": [
        "results::usage_is_where_llamaindex_looks_for_it",
        "events::tokens_are_counted_by_the_model_and_not_guessed",
    ],
    "metadata": ["llm::metadata_does_not_load_the_model"],
    "a tokenizer": [
        "events::as_the_default_it_is_planned_with_by_its_own_tokens_and_window",
        "events::splitters_and_memories_take_its_tokenizer",
    ],
    "callbacks and events": [
        "events::every_method_tells_its_start_its_chunks_and_its_end",
        "events::every_method_is_a_span_that_ends",
        "events::a_failure_is_told_too",
        "structured::listeners_are_told_of_the_object_and_of_the_chat_behind_it",
    ],
    "log-probabilities": [
        "starter::logprobs_come_with_every_token",
        "results::logprobs_begin_with_the_token_that_was_chosen",
    ],
    "copies, pickles, dictionaries": ["llm::copies_pickles_and_dictionaries_make_the_same_object"],
    "load_llm and load_embed_model": ["registration::saved_objects_are_made_again_by_name"],
    "FunctionAgent": [
        "agents::a_function_agent_calls_all_that_was_asked_for_and_answers",
        "agents::an_agents_stream_has_deltas_thoughts_and_calls",
        "agents::an_agents_first_call_can_be_chosen",
    ],
    "AgentWorkflow: hand-off, output_cls, a saved context, cancel_run": [
        "agents::agents_hand_a_question_on",
        "agents::an_agent_answers_with_an_object",
        "agents::a_conversation_goes_on_from_a_saved_context",
        "agents::cancelling_a_run_stops_the_model",
    ],
    "ReActAgent and CodeActAgent": [
        "agents::a_react_agent_reasons_acts_and_answers",
        "agents::a_code_agents_code_is_run",
    ],
    "query and chat engines that stream": [
        "engines::an_answer_comes_in_pieces_with_its_sources",
        "engines::a_conversation_comes_in_pieces_in_an_event_loop",
        "llm::a_query_engine_like_answer_streams_in_many_pieces",
    ],
    "embeddings: query, text, batch, async, prefixes": [
        "embedding::every_face_gives_the_cores_vectors_as_plain_floats",
        "embedding::queries_and_texts_have_prefixes_of_their_own",
        "embedding::nodes_get_their_vectors",
        "events::every_method_of_an_embedding_is_one_span_with_one_pair_of_events",
    ],
    "ingestion pipelines": [
        "embedding::what_pipelines_hash_names_the_model_and_not_the_machine",
        "embedding::a_worker_of_a_pipeline_embeds_with_what_it_unpickles",
    ],
    "a reranker": [
        "rerank::the_best_nodes_come_first_with_their_scores",
        "rerank::both_kinds_of_listeners_are_told_and_learn_no_folder",
    ],
    "a retriever": [
        "retriever::nodes_say_where_their_text_stands",
        "documents::a_citation_engine_numbers_the_passages",
        "documents::a_postprocessor_of_llamaindex_finds_the_neighbours",
        "documents::an_auto_merging_retriever_fills_the_gap_between_neighbours",
    ],
}

TRAPS = {
    "LlamaIndex's programs look for calls in additional_kwargs alone": [
        "structured::llamaindexs_own_program_streams_the_object_from_calls"
    ],
    "its async program forgets the system prompt": [
        "structured::the_system_prompt_reaches_the_model_in_threads_and_event_loops"
    ],
    "two users of one object": [
        "starter::threads_and_event_loops_beside_each_other_get_what_they_get_alone",
        "agents::agents_run_beside_each_other_on_one_model",
    ],
    "closing an outer generator leaves the inner one running": [
        "llm::closing_a_stream_stops_the_model_before_the_event_loop_turns",
        "llm::leaving_a_stream_stops_the_model",
        "tools::closing_a_stream_cancels_it_at_once",
    ],
    "tool messages without a name, ids that are names": [
        "templates::every_conversation_renders_on_every_template",
        "messages::calls_without_ids_are_told_apart",
    ],
    "a system message at the end of an agent that is stopped early": [
        "agents::an_agent_that_is_stopped_early_answers_with_what_it_has"
    ],
    "nine blocks in one message": [
        "messages::texts_are_joined_as_llamaindex_does",
        "structured::a_conversation_of_many_blocks_can_be_asked_about",
    ],
    "metadata and payload are asked for at every call": [
        "llm::metadata_does_not_load_the_model",
        "llm::a_model_that_is_not_there_can_be_traced",
    ],
    "traces that name folders": ["llm::traces_are_told_no_folder"],
    "budgets counted with another model's tokenizer": [
        "engines::a_conversation_comes_in_pieces_and_never_overflows",
        "engines::an_answer_that_leaves_no_room_is_refused_with_numbers",
    ],
    "a prompt helper that keeps the first model's window": [
        "events::as_the_default_it_is_planned_with_by_its_own_tokens_and_window"
    ],
    "the caller's messages, history and arguments are changed": [
        "tools::what_the_caller_gave_stays_as_it_is",
        "messages::the_messages_that_were_given_stay_as_they_are",
        "rerank::the_nodes_that_were_given_stay_as_they_are",
    ],
    "twin calls with one id or one set of arguments": [
        "agents::a_function_agent_calls_all_that_was_asked_for_and_answers",
        "tools::every_face_gives_the_same_calls_thoughts_and_text",
    ],
    "tools that nobody offered": ["agents::an_invented_tool_is_told_to_the_model_and_not_raised"],
    "a cache in which queries find the vectors of texts": [
        "embedding::a_cache_keeps_queries_texts_and_models_apart",
        "embedding::every_method_finds_in_the_cache_what_another_one_put_there",
    ],
    "a retriever's tool that searches for its arguments' names": [
        "documents::the_tool_tells_the_model_where_each_passage_stands"
    ],
    "an empty stream": ["results::an_empty_answer_is_an_empty_text"],
    "answers that are refused by their class": ["structured::what_the_class_refuses_is_a_value_error"],
}


@pytest.mark.parametrize("promises", [FEATURES, TRAPS], ids=["features", "traps"])
def test_what_is_promised_has_tests(promises):
    paths = [path for folder in ("llamaindex", "contract") for path in TESTS.glob(f"{folder}/test_*.py")]
    known = {
        f"{path.stem.removeprefix('test_').removeprefix('llamaindex_')}::{name}"
        for path in paths
        for name in re.findall(r"^(?:async )?def test_(\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert not {name for names in promises.values() for name in names} - known
    assert all(promises.values())
