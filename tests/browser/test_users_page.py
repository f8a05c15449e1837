"""The page of a server with users: each gives their key, and sees what is theirs."""

from documents_page import drop, report
from playwright.sync_api import expect

from gpt4all_app.server.access import open_access
from gpt4all_app.server.access_options import AccessOptions
from gpt4all_app.server.access_users_file import UserEntry, add_user, key_digest
from gpt4all_app.server.access_view import UsersView
from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_core.testing import HashEmbedder


def test_users_find_their_own_documents_with_their_own_keys(serve, open_page, folder, tmp_path):
    for name in ("ann", "bob"):
        add_user(tmp_path / "users.toml", name, UserEntry(key_sha256=key_digest(f"key of {name}")))
    options = AccessOptions(users=tmp_path / "users.toml")
    access = open_access(options, index=tmp_path / "index", api_key=None)
    documents = ServedDocuments(tmp_path / "index", embedder=HashEmbedder, access=UsersView(access))
    url = serve(documents=documents, access=access)

    def enter(name):
        page = open_page(f"{url}/#/documents")
        page.get_by_label("API key").fill(f"key of {name}")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Ask your own documents").wait_for()
        return page

    page = enter("ann")
    drop(page, folder({"plans.txt": "The vault opens at noon."}))
    assert "1 added" in report(page)
    expect(page.locator(".file-name")).to_have_text(["plans.txt"])
    page = enter("bob")
    expect(page.get_by_text("plans.txt")).to_have_count(0)
    expect(page.locator(".collection")).to_have_count(0)
    drop(page, folder({"notes.txt": "Bob's notes are of the same name."}))
    assert "1 added" in report(page)
    expect(page.locator(".file-name")).to_have_text(["notes.txt"])
