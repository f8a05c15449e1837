import threading

import pytest
from documents_page import drop, indexed, report, search
from playwright.sync_api import expect
from screens import NARROW, WIDE, Scripted

from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_app.server.localdocs_options import DocumentOptions
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs.map import make_map

LEASE = "\n\n".join(
    [f"## Clause {number}\n\nThe tenant sweeps the stairs in week {number} 😀." for number in range(30)]
    + ["## Deposit\n\nThe deposit is returned within thirty days after the keys were handed over."]
)
LETTERS = {
    "lease.md": LEASE,
    "boiler.txt": "The boiler was repaired in February by the plumber.",
    "garden.txt": "Apples and pears grow behind the house.",
}
HOSTILE_NAME = "bill\u202efdp.exe <img src=x onerror=document.title='seized'>.txt"
HOSTILE_TEXT = (
    "<script>document.title = 'seized'</script><img src=x onerror=\"document.title='seized'\">"
    " The plumber's bill is 240 euros. \u202ebackwards"
)


def test_files_that_are_dropped_are_indexed_listed_and_deleted(serve, open_page, folder):
    page = open_page(f"{serve()}/#/documents")
    page.get_by_role("heading", name="Ask your own documents").wait_for()
    drop(page, folder(LETTERS))
    assert "3 added" in report(page)
    expect(page.locator(".file .chip")).to_have_text(["Indexed"] * 3)
    expect(page.locator(".file-name")).to_have_text(sorted(LETTERS))
    page.get_by_role("button", name="Delete").and_(page.locator("[title=Delete]")).first.click()
    page.get_by_role("button", name="Delete file").click()
    page.get_by_text("2 files", exact=True).wait_for()
    expect(page.locator(".file-name")).to_have_text(["garden.txt", "lease.md"])


def test_an_answer_cites_the_passage_that_it_rests_on(serve, open_page, folder):
    url = serve(Scripted(["The plumber did [1]."]))
    page = open_page(url)
    indexed(page, url, folder(LETTERS))
    page.get_by_role("link", name="Chat").click()
    page.get_by_role("button", name="Answer from: no documents").click()
    page.get_by_role("checkbox", name="documents").check()
    page.keyboard.press("Escape")
    page.get_by_label("Your message").fill("Who repaired the boiler in February?")
    page.keyboard.press("Enter")
    page.locator(".answer").get_by_role("button", name="1").first.click()
    page.get_by_role("dialog", name="boiler.txt").wait_for()
    expect(page.locator("mark.passage")).to_have_text(LETTERS["boiler.txt"])


def test_the_map_that_follows_a_sync_shows_up_by_itself(serve, open_page, folder, monkeypatch):
    may_draw, lay_out = threading.Event(), make_map.lay_out_apart
    monkeypatch.setattr(make_map, "lay_out_apart", lambda *a, **k: may_draw.wait(60) and lay_out(*a, **k))
    url = serve(maps=True)
    page = open_page(url)
    indexed(page, url, folder(LETTERS))
    page.get_by_text("Drawing the map …").wait_for()
    may_draw.set()
    page.locator(".map-state").get_by_role("link", name="Map").wait_for()
    expect(page.get_by_text("Drawing the map …")).to_have_count(0)


def test_a_collection_is_deleted_only_when_that_is_confirmed(serve, open_page, folder):
    page = open_page(serve())
    indexed(page, page.url.split("/#")[0].rstrip("/"), folder({"a.txt": "one"}))
    delete = page.locator(".collection-actions").get_by_role("button", name="Delete")
    delete.click()
    page.keyboard.press("Escape")
    assert page.locator(".collection").count() == 1
    assert delete.evaluate("button => button === document.activeElement")
    delete.click()
    page.get_by_role("button", name="Delete collection").click()
    page.get_by_role("heading", name="Ask your own documents").wait_for()


def test_folders_are_walked_and_their_names_kept_apart(serve, open_page, folder):
    paths = folder({"house/notes.txt": "one", "house/old/notes.txt": "two", "house/.git/config": "three"})
    url = serve()
    page = open_page(url)
    top = paths[0].removesuffix("/notes.txt")
    assert "2 added" in indexed(page, url, [top])
    expect(page.locator(".file-name")).to_have_text(
        ["house \u203a notes.txt", "house \u203a old \u203a notes.txt"]
    )
    assert "left out: 1" in page.locator(".upload-panel").inner_text()


def test_what_is_refused_and_what_is_unreadable_is_told_with_its_reason(serve, open_page, folder):
    paths = folder({"program.exe": b"MZ\0\0" * 99, "broken.pdf": b"%PDF-1.7 nothing", "a.txt": "one"})
    url = serve()
    page = open_page(url)
    told = indexed(page, url, paths)
    assert "broken.pdf (unreadable): " in told
    refused = page.locator(".upload-panel .notice").inner_text()
    assert "program.exe: not a document" in refused
    expect(page.locator(".file-name")).to_have_text(["broken.pdf", "a.txt"])
    expect(page.locator(".file-reason")).to_contain_text("damaged")


def test_a_folder_of_the_server_is_indexed_where_it_is_if_that_is_allowed(serve, open_page, folder, tmp_path):
    folder({"allowed/deed.txt": "one", "other/deed.txt": "two"})
    allowed = DocumentOptions(allowed_folders=(tmp_path / "mine" / "allowed",))
    url = serve(documents=ServedDocuments(tmp_path / "index", embedder=HashEmbedder, options=allowed))
    page = open_page(f"{url}/#/documents")
    page.get_by_role("button", name="New collection").click()
    page.get_by_label("Name", exact=True).fill("Deeds")
    page.get_by_text("Take a folder").click()
    page.get_by_label("Full path").fill(str(tmp_path / "mine" / "other"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("--allow-folder")
    page.get_by_label("Full path").fill(str(tmp_path / "mine" / "allowed"))
    page.keyboard.press("Enter")
    assert "1 added" in report(page)
    expect(page.locator(".file")).to_contain_text("deed.txt")
    expect(page.locator(".file button")).to_have_count(0)


def test_script_and_direction_marks_in_names_and_texts_are_inert(serve, open_page, folder):
    url = serve()
    page = open_page(url)
    title = page.title
    # A server may tell any name; this one takes such marks out of those that are uploaded.
    page.route(
        "**/v1/collections/*/files",
        lambda route: (
            route.fulfill(json={"data": [listed(HOSTILE_NAME)]})
            if route.request.method == "GET"
            else route.continue_()
        ),
    )
    indexed(page, url, folder({HOSTILE_NAME: HOSTILE_TEXT}))
    expect(page.locator(".file-name")).to_have_text([HOSTILE_NAME.replace("\u202e", "\ufffd")])
    assert page.locator(".file-reason").inner_text() == "\ufffdno"
    search(page, "the bill of the plumber")
    page.locator(".hit").first.click()
    shown = page.locator("mark.passage").inner_text()
    assert shown.startswith("<script>document.title = 'seized'</script><img src=x")
    assert shown.endswith("\ufffdbackwards")
    assert page.locator("main img, dialog img, main script, dialog script").count() == 0
    assert "seized" not in title()


def listed(name):
    return {
        "id": "1",
        "filename": name,
        "bytes": 1,
        "passages": 1,
        "status": "unreadable",
        "reason": "\u202eno",
    }


def test_a_search_marks_words_and_opens_the_passage_in_its_page(serve, open_page, folder):
    url = serve()
    page = open_page(url)
    indexed(page, url, folder(LETTERS))
    search(page, "When is the deposit returned?")
    hit = page.locator(".hit").first
    assert hit.locator("mark").all_inner_texts()[:2] == ["Deposit", "deposit"]
    hit.focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="lease.md").wait_for()
    mark = page.locator("mark.passage")
    # The text before it has characters of two code units, and is longer than what is seen of it at once.
    assert mark.inner_text() == LEASE[LEASE.index("## Deposit") :]
    assert mark.evaluate(
        "mark => mark.getBoundingClientRect().bottom <= mark.parentElement.getBoundingClientRect().bottom"
    )
    page.keyboard.press("ArrowLeft")
    page.locator("mark.passage", has_text="Clause 29").wait_for()
    page.keyboard.press("Escape")
    assert hit.evaluate("hit => hit === document.activeElement")


def test_a_passage_that_is_gone_says_so_in_the_dialog(serve, open_page, folder):
    url = serve()
    page = open_page(url)
    indexed(page, url, folder(LETTERS))
    search(page, "boiler")
    page.route("**/v1/passages/*", lambda route: route.fulfill(status=404, json=gone()))
    page.locator(".hit").first.click()
    assert "search again" in page.locator("dialog [role=alert]").inner_text()


def gone():
    return {"error": {"message": "the index has no such passage any more; search again", "code": "gone"}}


def test_a_source_that_is_no_passage_any_more_shows_what_it_quotes(serve, open_page):
    page = open_page(f"{serve()}/#/documents")
    page.evaluate(
        """async () => {
            const { openPassage } = await import("/web/js/documents/index.js");
            const document = { filename: "a.txt" };
            openPassage({}, { passage_id: null, document, place: "", quote: "Said 😀." });
        }"""
    )
    expect(page.get_by_role("dialog", name="a.txt").locator("mark.passage")).to_have_text("Said 😀.")


class Gated(HashEmbedder):
    """Embeds nothing before it may."""

    def __init__(self):
        super().__init__()
        self.may_go_on = threading.Event()

    def embed_documents(self, texts):
        assert self.may_go_on.wait(60)
        return super().embed_documents(texts)


def test_a_sync_shows_its_progress_also_to_who_comes_later_and_can_be_stopped(
    serve, open_page, folder, tmp_path
):
    embedder = Gated()
    url = serve(documents=ServedDocuments(tmp_path / "gated", embedder=lambda: embedder))
    page = open_page(f"{url}/#/documents")
    page.get_by_role("heading", name="Ask your own documents").wait_for()
    drop(page, folder(LETTERS))
    bar = page.get_by_role("progressbar", name="Indexing")
    bar.wait_for()
    page.reload()
    bar.wait_for()
    assert page.locator(".work-text").inner_text() != ""
    page.get_by_role("button", name="Stop").click()
    embedder.may_go_on.set()
    assert "Stopped after" in report(page)
    page.get_by_role("button", name="Index now").click()
    page.get_by_text("Indexed in").first.wait_for()
    expect(page.locator(".file .chip")).to_have_text(["Indexed"] * 3)


def test_an_upload_can_be_cancelled_and_the_rest_sent_later(serve, open_page, folder):
    url = serve()
    page = open_page(url)
    page.goto(f"{url}/#/documents")
    held = []
    page.route("**/v1/collections/*/files", lambda route: hold(route, held))
    page.get_by_role("heading", name="Ask your own documents").wait_for()
    drop(page, folder({f"{number}.txt": f"number {number}" for number in range(20)}))
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("20 files not sent").first.wait_for()
    page.unroute("**/v1/collections/*/files")
    page.get_by_role("button", name="Send the rest").click()
    assert "20 added" in report(page)


def hold(route, held):
    """Never answer an upload."""
    if route.request.method == "POST":
        held.append(route)
    else:
        route.continue_()


def test_an_upload_goes_on_while_another_collection_is_shown(serve, open_page, folder):
    url = serve()
    page = open_page(url)
    indexed(page, url, folder({"a.txt": "one"}))
    page.get_by_role("button", name="New collection").click()
    page.get_by_label("Name", exact=True).fill("Letters")
    page.keyboard.press("Enter")
    page.get_by_role("region", name="Letters").wait_for()
    held = []
    page.route("**/v1/collections/Letters/files", lambda route: hold(route, held))
    drop(page, folder({"b.txt": "two"}))
    page.get_by_role("progressbar", name="Uploading").wait_for()
    page.get_by_role("navigation", name="Collections").get_by_role("button", name="documents 1").click()
    page.get_by_role("region", name="documents").wait_for()
    for route in held:
        route.continue_()
    page.get_by_role("button", name="Letters 1 document").click()
    expect(page.locator(".file-name")).to_have_text("b.txt")


def test_a_file_dropped_beside_the_place_for_it_does_not_take_the_pages_place(serve, open_page, folder):
    page = open_page(f"{serve()}/#/documents")
    page.get_by_role("heading", name="Ask your own documents").wait_for()
    page.evaluate("""() => addEventListener("dragover", (event) => {
        document.title = event.defaultPrevented ? "kept" : "left to the browser, which opens the file";
    })""")
    drop(page, folder({"a.txt": "one"}), onto="h1")
    expect(page).to_have_title("kept")
    expect(page.locator(".first-visit")).to_be_visible()


PICKER = """async (selected) => {
    const { collectionPicker } = await import("/web/js/documents/index.js");
    const { Api } = await import("/web/js/api.js");
    const onChange = (names) => { document.documentElement.dataset.picked = names.join(); };
    document.querySelector("main").replaceChildren(collectionPicker(new Api({}), { selected, onChange }));
}"""


def test_the_picker_is_used_by_keyboard_and_forgets_what_is_gone(serve, open_page, folder):
    url = serve()
    page = open_page(url)
    indexed(page, url, folder({"a.txt": "one"}))
    page.evaluate(PICKER, ["gone"])
    picked = page.locator("html")
    expect(picked).to_have_attribute("data-picked", "")
    page.get_by_role("button", name="Answer from: no documents").press("Enter")
    expect(page.get_by_role("checkbox", name="documents")).to_be_focused()
    page.keyboard.press("Space")
    expect(picked).to_have_attribute("data-picked", "documents")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Answer from: documents")).to_be_focused()


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_nothing_is_wider_than_the_screen(serve, open_page, folder, viewport):
    url = serve()
    page = open_page(url, viewport=viewport)
    long = "a_name_without_a_single_blank_" * 5
    indexed(page, url, folder({f"{long}.txt": "one " * 200, "b.pdf": b"%PDF-"}))
    search(page, "one")
    for state in ("search", "passage"):
        if state == "passage":
            page.locator(".hit").first.click()
            page.locator("mark.passage").wait_for()
        for part in ("main", "dialog"):
            for box in page.locator(part).all():
                assert box.evaluate("box => box.scrollWidth <= box.clientWidth"), (state, part)


MARKS = """async ([text, question]) => {
    const { piecesOf, wordSpans } = await import("/web/js/documents/text_spans.js");
    return piecesOf(text, wordSpans(text, question)).filter((each) => each.isMarked).map((each) => each.text);
}"""


@pytest.mark.parametrize(
    ("text", "question", "marked"),
    [
        ("Two invoices, one INVOICE.", "the invoice", ["invoices", "INVOICE"]),
        ("A cat is no category.", "cat", ["cat"]),
        ("The end of the line", "the of a", []),
        ("租金必须退还", "租金", ["租金"]),
        ("Straße 5, Haus 55", "5", ["5"]),
        ("(a+b)* costs $5", "(a+b)* $5", ["5"]),
        ("Überweisung", "überweisung", ["Überweisung"]),
    ],
)
def test_words_of_a_question_are_marked(serve, open_page, text, question, marked):
    page = open_page(serve())
    assert page.evaluate(MARKS, [text, question]) == marked


QUOTED = """async ([text, quotation]) => {
    const { quotationSpan } = await import("/web/js/documents/text_spans.js");
    const span = quotationSpan(text, quotation);
    return span && text.slice(...span);
}"""


@pytest.mark.parametrize(
    ("text", "quotation", "found"),
    [
        ("It was\n  (nearly) done.", "was (nearly) done", "was\n  (nearly) done"),
        ("a.c abc", "abc", "abc"),
        ("abc", "a.c", None),
        ("abc", " ", None),
    ],
)
def test_a_quotation_is_found_whatever_white_space_it_has(serve, open_page, text, quotation, found):
    page = open_page(serve())
    assert page.evaluate(QUOTED, [text, quotation]) == found
