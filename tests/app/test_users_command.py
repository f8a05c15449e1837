"""`gpt4all users`: keys that are shown once, a file that people may edit."""

import json
import stat
import tomllib

import pytest

from gpt4all_app.server.access import open_access
from gpt4all_app.server.access_options import AccessOptions
from gpt4all_app.server.access_principals import KeyRing
from gpt4all_app.server.access_users_file import read_users
from gpt4all_app.server.served_models import ServedModels
from gpt4all_core.errors import ConfigError


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data" / "users.toml"


def test_a_key_is_shown_once_and_kept_as_a_hash_for_its_owner_alone(gpt4all, file):
    key = gpt4all("users", "add", "ann", "--users", file).out.strip()
    assert KeyRing(file).principal_of(key).name == "ann"
    assert key not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key not in gpt4all("users", "list", "--users", file).out
    assert len(key) > 40


def test_limits_and_administrators_are_listed(gpt4all, file):
    gpt4all("users", "add", "ann", "--tokens-per-day", 5, "--upload-mb", 2, "--users", file)
    gpt4all("users", "add", "bob@example.org", "--administrator", "--users", file)
    found = json.loads(gpt4all("users", "list", "--users", file, "--json").out)["users"]
    assert (found["ann"]["limits"]["tokens_per_day"], found["ann"]["limits"]["upload_bytes"]) == (5, 2 << 20)
    assert [found[name]["administrator"] for name in ("ann", "bob@example.org")] == [False, True]
    assert "tokens_per_day 5" in gpt4all("users", "list", "--users", file).out


def test_what_people_write_into_the_file_stays_and_counts(gpt4all, file):
    gpt4all("users", "add", "ann", "--users", file)
    file.write_text(f"# ours\n[limits]\ncollections = 3\n{file.read_text()}\n# the end\n")
    gpt4all("users", "add", "bob", "--collections", 1, "--users", file)
    gpt4all("users", "remove", "ann", "--users", file)
    assert file.read_text().startswith("# ours\n[limits]\ncollections = 3\n")
    found = read_users(file)
    assert list(found.users) == ["bob"]
    assert found.limits_of("bob").collections == 1
    gpt4all("users", "add", "cleo", "--users", file)
    assert read_users(file).limits_of("cleo").collections == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("add", "ann"), "there is a user 'ann' already"),
        (("add", "everyone"), "cannot name a user"),
        (("add", "Ann B"), "cannot name a user"),
        (("remove", "dora"), "there is no user 'dora'"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(gpt4all, file, words, message):
    gpt4all("users", "add", "ann", "--users", file)
    before = file.read_text()
    found = gpt4all("users", *words, "--users", file)
    assert (found.code, file.read_text()) == (2, before)
    assert message in found.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[users.ann", "is no TOML"),
        ("[users.ann]\nkey_sha256 = 'abc'", "wrong at users.ann.key_sha256"),
        (f"[users.ann]\nkey_sha256 = '{'a' * 64}'\ntoken_per_day = 3", "wrong at users.ann.token_per_day"),
        (
            f"[users.ann]\nkey_sha256 = '{'a' * 64}'\ntokens_per_day = true",
            "wrong at users.ann.tokens_per_day",
        ),
        (f"[users.Ann]\nkey_sha256 = '{'a' * 64}'", "cannot name a user"),
        ("[limit]\ncollections = 3", "wrong at limit"),
    ],
)
def test_a_file_that_says_something_else_is_refused_by_name(tmp_path, text, message):
    (tmp_path / "users.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        KeyRing(tmp_path / "users.toml")


def test_lines_that_are_not_plain_are_left_to_an_editor(gpt4all, file):
    gpt4all("users", "add", "ann", "--users", file)
    kept = tomllib.loads(file.read_text())["users"]["ann"]["key_sha256"]
    file.write_text(f'users = {{ann = {{key_sha256 = "{kept}"}}}}\n')
    found = gpt4all("users", "remove", "ann", "--users", file)
    assert found.code == 2
    assert "take them out in an editor" in found.err


def test_usage_tells_of_each_user(gpt4all, file, tmp_path):
    gpt4all("users", "add", "ann", "--users", file)
    found = gpt4all("users", "usage", "--users", file, "--index", tmp_path / "index", "--json")
    (ann,) = json.loads(found.out)["users"]
    assert (ann["user"], ann["prompt_tokens"], ann["upload_files"]) == ("ann", 0, 0)


def test_a_server_that_nobody_could_enter_does_not_start(tmp_path):
    (tmp_path / "users.toml").write_text("")
    options = AccessOptions(users=tmp_path / "users.toml")
    with pytest.raises(ConfigError, match="nobody could come in"):
        open_access(options, index=tmp_path / "index", api_key=None)
    open_access(options, index=tmp_path / "index", api_key="a key").close()


def test_users_in_their_usual_place_are_those_of_a_server_that_names_none(gpt4all, monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr(
        "gpt4all_app.server.run.run_server", lambda *_args, **how: given.append(how["access"])
    )
    monkeypatch.setattr("gpt4all_app.server.plan.find_models", lambda _names: ServedModels(()))
    monkeypatch.setenv("GPT4ALL_HOME", str(tmp_path))
    assert gpt4all("serve").code == 0
    gpt4all("users", "add", "ann")
    assert gpt4all("serve").code == 0
    assert given[0] is None
    assert list(given[1].keys.users.users) == ["ann"]
    given[1].close()
