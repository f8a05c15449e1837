"""`gpt4all ask` over several questions: lines, the file they are kept in, and what may go wrong meanwhile."""

import json

import pytest
from commandline import write_documents

from gpt4all_core.errors import ContextOverflow
from gpt4all_core.testing import ScriptedChatModel

QUESTION = "How many days of paid leave does an employee get?"
EARLIER = [("user", "What does an employee get?"), ("assistant", "27 days.")]


def texts(call):
    return [message.text for message in call.messages]


@pytest.fixture
def kept(tmp_path):
    path = tmp_path / "talk.jsonl"
    path.write_text("".join(json.dumps({"role": role, "content": text}) + "\n" for role, text in EARLIER))
    return path


def test_piped_questions_are_answered_one_after_the_other_in_one_conversation(gpt4all, leave, say):
    gpt4all.model = ScriptedChatModel(["27 days [1].", "In May [1]."])
    say(f"{QUESTION}\n\nAnd when?\n")
    found = gpt4all("ask", "--docs", leave)
    assert found.code == 0
    assert found.out.startswith("27 days [1].\n\nSources\n[1] ")
    assert "\nIn May [1].\n\nSources\n[1] " in found.out
    second = texts(gpt4all.model.calls[1])
    assert second[-2:] == ["27 days [1].", "Question: And when?"]


def test_with_json_each_answer_of_a_conversation_is_one_line(demonstration, leave, say):
    say(f"{QUESTION}\nHow many?\n")
    lines = demonstration("ask", "--docs", leave, "--json").out.splitlines()
    assert [json.loads(line)["question"] for line in lines] == [QUESTION, "How many?"]
    assert json.loads(lines[0])["citations"][0]["quote"] == "27 days"


def test_a_conversation_is_forgotten_on_demand(gpt4all, leave, say):
    gpt4all.model = ScriptedChatModel(["One.", "Two."])
    say(f"{QUESTION}\n/reset\nAnd when?\n")
    assert "forgotten" in gpt4all("ask", "--docs", leave).err
    assert "One." not in texts(gpt4all.model.calls[1])


def test_a_question_that_fails_does_not_end_a_conversation_in_a_terminal(gpt4all, leave, say, monkeypatch):
    class Overflowing(ScriptedChatModel):
        def chat(self, *arguments, **options):
            reply = super().chat(*arguments, **options)
            if len(self.calls) == 1:
                raise ContextOverflow(9, 8)
            return reply

    gpt4all.model = Overflowing(["One.", "Two."])
    typed = iter([QUESTION, QUESTION, "/exit"])
    monkeypatch.setattr("builtins.input", lambda *_prompt: next(typed))
    say("", is_typed=True)
    found = gpt4all("ask", "--docs", leave)
    assert found.code == 0
    assert "9 tokens" in found.err
    assert "/help lists the commands" in found.err
    assert found.out.startswith("Two.")


def test_a_question_that_fails_ends_a_pipe(gpt4all, leave, say):
    say(f"{QUESTION}\n{QUESTION}\n")
    found = gpt4all("ask", "--docs", leave, "--files", "*.nothing")
    assert found.code == 4
    assert "filter" in found.err


def test_a_conversation_goes_on_from_the_file_it_is_kept_in(gpt4all, leave, kept):
    gpt4all.model = ScriptedChatModel(["In May [1]."])
    found = gpt4all("ask", "And when?", "--docs", leave, "--history", kept, "--json")
    assert found.document["history"] == str(kept)
    _system, sources, *others = texts(gpt4all.model.calls[0])
    assert sources.endswith(EARLIER[0][1])
    assert others == [EARLIER[1][1], "Question: And when?"]
    written = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [(turn["role"], turn["content"]) for turn in written] == [
        *EARLIER, ("user", "And when?"), ("assistant", "In May [1]."),
    ]  # fmt: skip


def test_a_file_that_is_not_there_yet_is_made(demonstration, leave, tmp_path):
    path = tmp_path / "new.jsonl"
    assert demonstration("ask", QUESTION, "--docs", leave, "--history", path).code == 0
    assert [json.loads(line)["content"] for line in path.read_text().splitlines()] == [QUESTION, "27 days"]


@pytest.mark.parametrize(
    "line", ["not json", "[]", '{"role": "system", "content": "a"}', '{"role": "user", "content": 7}']
)
def test_a_file_that_is_no_conversation_is_refused_before_anything_is_indexed(gpt4all, leave, tmp_path, line):
    path = tmp_path / "talk.jsonl"
    path.write_text(f"\n{line}\n")
    found = gpt4all("ask", QUESTION, "--docs", leave, "--history", path)
    assert found.code == 2
    assert f"{path}, line 2 is no turn" in found.err
    assert path.read_text() == f"\n{line}\n"
    assert not list((gpt4all.home / "indexes").glob("*/chroma*"))


def test_a_history_that_cannot_be_written_is_refused_at_once(gpt4all, leave, tmp_path):
    found = gpt4all("ask", QUESTION, "--docs", leave, "--history", tmp_path)
    assert found.code == 1
    assert "the system refused" in found.err
    assert gpt4all.model.calls == []


def test_several_sentences_are_quoted_from_and_all_of_them_shown(gpt4all, tmp_path):
    folder = write_documents(tmp_path / "two", leave="Leave is 27 days.", boats="Leave the boats for 9 days.")
    arguments = ("ask", "How many days is leave?", "--docs", folder, "--spans", 2)
    gpt4all.model = ScriptedChatModel(quotes=["27 days", "9 days"] * 2, is_demonstration=True)
    found = gpt4all(*arguments)
    assert "Less likely\n" in found.out
    assert {"leave.txt", "boats.txt"} <= {word.strip(",") for word in found.out.split()}
    quotes = gpt4all(*arguments, "--json").document["quotes"]
    assert sorted(quote["quote"] for quote in quotes) == ["27 days", "9 days"]


def test_how_much_evidence_an_answer_takes_can_be_said(demonstration, leave):
    refused = demonstration("ask", QUESTION, "--docs", leave, "--least-evidence", 1)
    assert refused.out == "The documents do not answer this question.\n"
    assert "--least-evidence asks for less" in refused.err
    assert refused.code == 0
    assert "27 days" in demonstration("ask", QUESTION, "--docs", leave, "--least-evidence", 0).out
    assert demonstration("ask", QUESTION, "--docs", leave, "--least-evidence", 2).code == 2


def test_a_sentence_that_its_source_does_not_say_is_told(gpt4all, leave):
    gpt4all.model = ScriptedChatModel(["A dragon ate 93 castles yesterday [1]."])
    found = gpt4all("ask", QUESTION, "--docs", leave, "--verify")
    assert "not supported by its source: A dragon ate 93 castles yesterday [1]." in found.err
