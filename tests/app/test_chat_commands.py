"""The commands of `gpt4all chat`, from a pipe."""

import json
from contextlib import contextmanager

import pytest

from gpt4all_app.program import run
from gpt4all_app.session import Session
from gpt4all_app.talk.commands import COMMANDS, complete
from gpt4all_core.errors import ModelLoadError, ModelNotFound
from gpt4all_core.testing import HashEmbedder, ScriptedChatModel
from gpt4all_core.types import GenerationParams, Image

QUESTION = "A full-time employee gets how many days of paid leave a year?"


def texts(call):
    return [message.text for message in call.messages]


def test_documents_are_talked_about_with_their_sources_until_they_are_put_away(gpt4all, leave, say):
    gpt4all.model = ScriptedChatModel(["27 days [1].", "In May [1].", "Hello."])
    say(f"/docs '{leave}'\n{QUESTION}\nAnd when is this paid leave?\n/docs off\nhi\n")
    found = gpt4all("chat")
    assert found.code == 0, found.err
    assert found.out.startswith("27 days [1].\n\nSources\n[1] ")
    assert texts(gpt4all.model.calls[1])[-2] == "27 days [1]."
    assert texts(gpt4all.model.calls[2]) == [
        QUESTION, "27 days [1].", "And when is this paid leave?", "In May [1].", "hi",
    ]  # fmt: skip


def test_with_json_an_answer_from_documents_has_its_citations(demonstration, leave, say):
    say(f"{QUESTION}\n")
    line = json.loads(demonstration("chat", "--docs", leave, "--json").out)
    assert line["message"] == QUESTION
    assert line["citations"][0]["quote"] == "27 days"


def test_settings_hold_from_the_next_answer_on(gpt4all, say):
    say("a\n/set temperature=0.25 seed=7 max_tokens=9\nb\n/set temperature=default\nc\n/set\n")
    found = gpt4all("chat")
    assert [call.params for call in gpt4all.model.calls] == [
        GenerationParams(),
        GenerationParams(temperature=0.25, seed=7, max_tokens=9),
        GenerationParams(seed=7, max_tokens=9),
    ]
    assert "seed                7  (changed)" in found.err


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("/set temprature=1", "did you mean temperature?"),
        ("/set temperature=warm", "expected a number or default"),
        ("/set top_k=1.5", "expected a whole number"),
        ("/set prompt_lookup=yes", "expected true, false"),
        ("/set temperature=-1", "0 or more"),
        ("/set temperature", "write it as temperature=0.2"),
        ("/sytem be brief", "did you mean /system?"),
        ("/load nothing.jsonl", "/save FILE makes one"),
        ("/save", "takes one file"),
        ("/stats maybe", "expected on, off"),
    ],
)
def test_a_command_that_makes_no_sense_ends_a_pipe_with_advice(gpt4all, say, line, advice):
    say(f"{line}\nhi\n")
    found = gpt4all("chat")
    assert (found.code, gpt4all.model.calls) == (2, [])
    assert advice in found.err


def test_a_wrong_command_does_not_end_what_somebody_types(gpt4all, say):
    say("/set temperature=warm\nhi\n", is_typed=True)
    found = gpt4all("chat", "--private")
    assert found.code == 0
    assert len(gpt4all.model.calls) == 1


def test_a_conversation_is_saved_and_gone_on_with(gpt4all, say, tmp_path):
    kept = tmp_path / "talk.jsonl"
    gpt4all.model = ScriptedChatModel(["One.", "Two."])
    say(f"first\n/save {kept}\n/reset\n/load {kept}\nsecond\n/save {kept}\n/save {tmp_path}/talk.md\n")
    assert gpt4all("chat").code == 0
    assert texts(gpt4all.model.calls[1]) == ["first", "One.", "second"]
    assert [json.loads(line)["content"] for line in kept.read_text().splitlines()] == [
        "first", "One.", "second", "Two.",
    ]  # fmt: skip
    assert (tmp_path / "talk.md").read_text().startswith("**You:** first\n\n**Model:** One.\n")


def test_only_conversations_are_written_over(gpt4all, say, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("mine\n")
    say(f"hi\n/save {notes}\n")
    assert gpt4all("chat").code == 2
    assert [path.read_text() for path in tmp_path.glob("notes*")] == ["mine\n"]


def test_pictures_go_with_the_next_message_and_stay_in_the_conversation(gpt4all, say, tmp_path):
    picture = tmp_path / "my photo.png"
    picture.write_bytes(b"\x89PNG")
    say(f"/image '{picture}'\nwhat is this?\nand now?\n/save {tmp_path}/talk.jsonl\n")
    found = gpt4all("chat")
    assert "1 picture with the next message" in found.err
    assert found.err.endswith("talk.jsonl, without their pictures\n")
    first, second = (call.messages for call in gpt4all.model.calls)
    assert first[0].content == (Image(b"\x89PNG"), "what is this?")
    assert [turn.content for turn in second] == [first[0].content, "OK.", "and now?"]


def test_pictures_can_be_taken_back_and_are_none_of_documents_business(gpt4all, say, tmp_path, leave):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    say(f"/image {tmp_path}/a.png\n/image off\nhello\n/image {tmp_path}/a.png\n/docs {leave}\nhow much?\n")
    found = gpt4all("chat")
    assert [call.messages[-1].content for call in gpt4all.model.calls] == ["hello"]
    assert (found.code, "/docs off talks about pictures" in found.err) == (2, True)


def test_a_file_in_a_folder_that_is_not_there_is_not_saved(gpt4all, say, tmp_path):
    say(f"/save {tmp_path}/no/talk.jsonl\n")
    assert f"there is no folder {tmp_path}/no; make it" in gpt4all("chat").err


def test_models_on_this_disk_are_listed(gpt4all, say):
    say("/model\n")
    assert "on this disk: smollm2-135m-instruct" in gpt4all("chat").err


def test_a_system_message_can_be_set_shown_and_taken_back(gpt4all, say):
    say("/system Be brief.\na\n/system\n/system off\nb\n")
    found = gpt4all("chat")
    assert [texts(call) for call in gpt4all.model.calls] == [["Be brief.", "a"], ["a", "OK.", "b"]]
    assert found.err.count("system: Be brief.") == 2


def test_what_an_answer_took_is_told_on_demand(gpt4all, say):
    say("/stats\nhi\n/stats\n/stats on\nhi\n")
    lines = gpt4all("chat").err.splitlines()
    assert lines == [
        "nothing was answered yet",
        "1 token written; 1 token of prompt, 0 of them remembered",
        "1 token written; 3 tokens of prompt, 0 of them remembered",
    ]


def test_a_message_of_several_lines_can_come_from_a_pipe(gpt4all, say):
    say('"""\n  a\n\nb\n"""\n"""c"""\n"""d\nat the end')
    gpt4all("chat")
    assert [texts(call)[-1] for call in gpt4all.model.calls] == ["a\n\nb", "c", "d\nat the end"]


class Shelf(Session):
    """Models by name; remembers which are open."""

    def __init__(self, models):
        super().__init__(embedder=HashEmbedder())
        self.models = models
        self.opened = []

    def check_model(self, reference):
        if reference not in self.models:
            raise ModelNotFound(f"there is no {reference}")

    @contextmanager
    def open_model(self, reference):
        assert not self.opened, "two models at once"
        if self.models[reference] is None:
            raise ModelLoadError("broken")
        self.opened.append(reference)
        yield self.models[reference]
        self.opened.remove(reference)


@pytest.mark.parametrize(
    ("line", "answers"),
    [("/model b", ["A.", "B."]), ("/model c", ["A.", "A."]), ("/model bad", ["A.", "A."])],
)
def test_another_model_goes_on_with_the_conversation_and_a_bad_one_changes_nothing(
    home, capsys, say, line, answers
):
    def speaks(name):
        return ScriptedChatModel(lambda _messages: f"{name.upper()}." if shelf.opened == [name] else "closed")

    shelf = Shelf({"a": speaks("a"), "b": speaks("b"), "bad": None})
    say(f"x\n{line}\ny\n", is_typed=True)
    assert run(["chat", "--model", "a"], shelf) == 0
    assert capsys.readouterr().out.split() == answers
    last = shelf.models["b" if answers[1] == "B." else "a"].calls[-1]
    assert texts(last) == ["x", "A.", "y"]
    assert shelf.opened == []


def test_a_folder_that_is_not_there_is_told_before_a_model_is_read(home, capsys, tmp_path):
    shelf = Shelf({})
    assert run(["chat", "--model", "a", "--docs", str(tmp_path / "nowhere")], shelf) == 2
    assert "nowhere does not exist" in capsys.readouterr().err


def test_ctrl_c_while_a_model_is_read_leaves_the_one_of_before(home, capsys, say):
    class Interrupted(Shelf):
        @contextmanager
        def open_model(self, reference):
            if reference == "large":
                raise KeyboardInterrupt
            with super().open_model(reference) as model:
                yield model

    small = ScriptedChatModel(lambda _messages: "here" if shelf.opened == ["small"] else "closed")
    shelf = Interrupted({"small": small, "large": None})
    say("/model large\nhello\n", is_typed=True)
    assert run(["chat", "--model", "small"], shelf) == 0
    assert capsys.readouterr().out == "here\n"


def test_the_help_names_every_command(gpt4all, say):
    say("/help\n")
    shown = gpt4all("chat").err
    assert all(f"/{command.name}" in shown for command in COMMANDS)


def test_the_tab_key_offers_commands_settings_models_and_paths(tmp_path):
    (tmp_path / "folder").mkdir()
    assert complete("", "/st") == ["/stats "]
    assert complete("", "st") == []
    assert complete("/set ", "temp") == ["temperature="]
    assert "smollm2-135m-instruct" in complete("/model ", "smollm2-135")
    assert complete("/docs ", f"{tmp_path}/fo") == [f"{tmp_path}/folder/"]
