"""The page of a server with users: each gives their key, and sees what is theirs."""

from types import SimpleNamespace

import pytest
from documents_page import drop, report
from playwright.sync_api import expect

from gpt4all_app.server.access import open_access
from gpt4all_app.server.access_options import AccessOptions
from gpt4all_app.server.access_users_file import UserEntry, add_user, key_digest
from gpt4all_app.server.access_view import UsersView
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_core.testing import HashEmbedder


@pytest.fixture
def users(serve, open_page, tmp_path):
    """A server of Ann, who may have two files in one collection, and Bob: `enter(name)` opens their page."""
    limits = {"ann": {"upload_files": 2, "collections": 1}, "bob": {}}
    for name, least in limits.items():
        entry = UserEntry(key_sha256=key_digest(f"key of {name}"), **least)
        add_user(tmp_path / "users.toml", name, entry)
    options = AccessOptions(users=tmp_path / "users.toml")
    access = open_access(options, index=tmp_path / "index", api_key=None)
    documents = ServedDocuments(tmp_path / "index", embedder=HashEmbedder, access=UsersView(access))
    url = serve(documents=documents, access=access)

    def enter(name):
        page = open_page(f"{url}/#/documents")
        expect(page.get_by_role("dialog")).to_contain_text("the one that was made for you")
        page.get_by_label("API key").fill(f"key of {name}")
        page.keyboard.press("Enter")
        return page

    return SimpleNamespace(url=url, enter=enter)


def test_users_find_their_own_documents_with_their_own_keys(users, folder):
    page = users.enter("ann")
    drop_first(page, folder({"plans.txt": "The vault opens at noon."}))
    expect(page.locator(".file-name")).to_have_text(["plans.txt"])
    page = users.enter("bob")
    first_visit(page)
    expect(page.get_by_text("plans.txt")).to_have_count(0)
    expect(page.locator(".collection")).to_have_count(0)
    drop_first(page, folder({"notes.txt": "Bob's notes are of the same name."}))
    expect(page.locator(".file-name")).to_have_text(["notes.txt"])


def test_the_page_says_what_a_user_may_not_do_and_goes_on(users, folder):
    ann = users.enter("ann")
    drop_first(ann, folder({"plans.txt": "The vault opens at noon.", "b.txt": "The bell rings."}))
    drop(ann, folder({"c.txt": "One too many."}))
    expect(ann.locator(".notice.bad")).to_contain_text("you would have 3 files, and 2 may be")
    ann.get_by_role("button", name="New collection").click()
    ann.get_by_label("Name", exact=True).fill("more")
    ann.keyboard.press("Enter")
    expect(ann.get_by_role("dialog").get_by_role("alert")).to_contain_text("as you may (1)")
    sharing = f"{users.url}/v1/collections/documents/sharing"
    headers = {"Authorization": "Bearer key of ann"}
    assert ann.request.put(sharing, data={"readers": ["bob"]}, headers=headers).ok

    bob = users.enter("bob")
    expect(bob.locator(".file-name")).to_have_text(["b.txt", "plans.txt"])
    bob.get_by_role("button", name="Look for changes").click()
    expect(bob.get_by_role("alert")).to_contain_text("your key lets you read 'documents'")
    bob.get_by_role("button", name="Delete", exact=True).first.click()
    bob.get_by_role("button", name="Delete collection").click()
    expect(bob.get_by_text("this is for its owner")).to_be_visible()
    expect(bob.locator(".file-name")).to_have_count(2)


def first_visit(page):
    page.get_by_role("heading", name="Ask your own documents").wait_for()


def drop_first(page, paths):
    first_visit(page)
    drop(page, paths)
    assert f"{len(paths)} added" in report(page)


def test_the_page_promises_nothing_of_what_its_server_does(users):
    """A server may hand chats on, and keep vectors elsewhere."""
    page = users.enter("bob")
    first_visit(page)
    expect(page.locator(".privacy")).to_contain_text("goes to this server")
    expect(page.get_by_text("stay")).to_have_count(0)
