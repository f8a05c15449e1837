from pathlib import Path

import pytest
from axe import assert_accessible
from playwright.sync_api import expect

from gpt4all_app.server.localdocs import ServedDocuments
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs import IndexOptions, LocalDocs

HOSTILE_NAME = "bill\u202efdp.exe <img src=x onerror=document.title='seized'>.txt"
SUBJECTS = ("hive honey queen swarm nectar", "sail mast keel rudder anchor", "flour yeast dough oven crust")


@pytest.fixture
def shelf(tmp_path):
    """An index of some files in a collection, without a map; few enough passages for PCA."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for number in range(21):
        words = SUBJECTS[number % 3].split()
        text = " ".join([*words[number % 5 :], *words[: number % 4], f"number {number}"])
        (folder / f"note-{number:02}.txt").write_text(text)
    (folder / HOSTILE_NAME).write_text("<script>document.title = 'seized'</script> a sail and a mast")
    (folder / "copy.txt").write_text((folder / "note-04.txt").read_text())
    with LocalDocs(tmp_path / "index", embedder=HashEmbedder()) as docs:
        docs.add(folder, collection="shelf")
        docs.sync()
    return ServedDocuments(tmp_path / "index", embedder=HashEmbedder)


@pytest.fixture
def mapped(serve, shelf, open_page):
    """Opens the page at a map that was just drawn."""
    shelf.docs.map(collection="shelf")

    def start(**options):
        page = open_page(f"{serve(documents=shelf)}/#/map", reduced_motion="reduce", **options)
        expect(page.locator(".map-facts")).to_contain_text("23 passages of 23 documents")
        return page

    return start


def rows(page):
    page.get_by_role("tab", name="List").click()
    return page.locator(".point-table tbody tr")


def test_a_collection_without_a_map_gets_one_when_asked(serve, shelf, open_page):
    page = open_page(f"{serve(documents=shelf)}/#/map/shelf")
    page.get_by_role("button", name="Draw the map").click()
    expect(page.locator(".map-facts")).to_contain_text("23 passages of 23 documents, drawn with PCA")
    expect(page.get_by_role("application", name="Map of shelf")).to_be_visible()
    assert shelf.docs.map_state(collection="shelf") == "ready"


def test_a_map_that_comes_late_leaves_the_address_of_another_view_alone(serve, shelf, open_page):
    page = open_page(f"{serve(documents=shelf)}/#/documents")
    expect(page.get_by_role("button", name="Look for changes")).to_be_visible()
    held = []

    def hold(route):
        held.append(route)

    page.route("**/v1/collections", hold)
    with page.expect_request("**/v1/collections"):
        page.get_by_role("link", name="Map", exact=True).click()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("textbox", name="Prompt")).to_be_visible()
    with page.expect_response("**/v1/collections/shelf/map"):
        held[0].continue_()
    assert page.url.endswith("#/compare")


def test_a_server_without_documents_leads_to_where_they_are_added(serve, open_page):
    page = open_page(f"{serve()}/#/map")
    page.get_by_role("link", name="Add documents").click()
    expect(page.get_by_role("heading", name="Documents", exact=True)).to_be_visible()


def test_a_point_tells_what_it_is_and_opens_its_passage(mapped):
    page = mapped()
    rows(page).filter(has_text="note-07.txt").get_by_role("button", name="Show").click()
    card = page.locator(".map-card")
    expect(card).to_contain_text("note-07.txt")
    expect(card).to_contain_text("keel rudder anchor sail mast keel number 7")
    page.mouse.move(5, 5)
    page.locator(".map-canvas").hover()  # in the middle, where the point is now
    expect(card).to_contain_text("note-07.txt")
    page.locator(".map-canvas").click()
    expect(page.get_by_role("dialog")).to_contain_text("note-07.txt")
    expect(page.locator("mark.passage")).to_have_text("keel rudder anchor sail mast keel number 7")


def test_the_map_is_used_with_keys_alone(mapped):
    page = mapped()
    canvas = page.locator(".map-canvas")
    canvas.focus()
    for key in ("+", "+", "ArrowLeft", "ArrowDown", "-"):
        page.keyboard.press(key)
    page.keyboard.press("0")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text(".txt")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(canvas).to_be_focused()


def test_dragging_and_the_wheel_move_the_map_and_open_nothing(mapped):
    page = mapped()
    rows(page).filter(has_text="note-07.txt").get_by_role("button", name="Show").click()
    card = page.locator(".map-card")
    expect(card).to_contain_text("note-07.txt")
    box = page.locator(".map-canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y + 60, steps=4)
    page.mouse.up()
    page.mouse.move(x + 90, y + 60)
    expect(card).to_contain_text("note-07.txt")  # it came along
    page.mouse.wheel(0, -300)
    expect(card).to_contain_text("note-07.txt")  # what is under the pointer stays there
    assert page.get_by_role("dialog").count() == 0


def test_a_search_lights_up_what_it_finds_and_lists_it(mapped):
    page = mapped()
    page.get_by_label("Search the map").fill("honey")
    page.keyboard.press("Enter")
    expect(page.locator(".map-found")).to_contain_text("that fit best")
    listed = rows(page)
    assert listed.count() > 0
    expect(listed.first).to_contain_text("note-")
    page.get_by_role("button", name="Clear").click()
    expect(listed).to_have_count(23)


def test_topics_are_chosen_in_the_legend(mapped):
    page = mapped()
    topic = page.locator(".topic").first
    size = int(topic.locator(".hint").inner_text())
    topic.click()
    expect(topic).to_have_attribute("aria-pressed", "true")
    expect(rows(page)).to_have_count(size)
    page.get_by_role("tab", name="Topics").click()
    page.get_by_role("button", name="Show all", exact=True).click()
    expect(rows(page)).to_have_count(23)


def test_repeats_lead_to_their_points(mapped):
    page = mapped()
    page.get_by_role("tab", name="Repeats").click()
    page.get_by_role("button", name="copy.txt").click()
    expect(page.locator(".map-card")).to_contain_text("copy.txt")
    expect(page.locator("#announcements")).to_contain_text("copy.txt and")


def test_names_and_texts_of_strangers_are_shown_and_never_run(mapped):
    page = mapped()
    row = rows(page).filter(has_text="exe <img src=x onerror=document.title='seized'>.txt")
    row.get_by_role("button", name="Show").click()
    card = page.locator(".map-card")
    expect(card).to_contain_text("<script>document.title = 'seized'</script>")
    assert "\u202e" not in card.inner_text()
    assert page.title() == "Map · GPT4All"


def test_no_panel_of_the_map_breaks_a_rule_of_axe_or_is_too_wide(mapped):
    page = mapped()
    for tab in page.get_by_role("tab").all():
        tab.click()
        assert_accessible(page, tab.inner_text())


def test_the_point_that_is_found_is_the_nearest_of_all(mapped):
    assert (
        mapped().evaluate("""async () => {
        const { PointGrid } = await import("/web/js/map/point_grid.js");
        const x = Float32Array.from({ length: 500 }, (_, i) => ((i * 7919) % 1000) / 1000);
        const y = Float32Array.from({ length: 500 }, (_, i) => ((i * 104729) % 997) / 997);
        const grid = new PointGrid(x, y);
        for (let probe = 0; probe < 300; probe++) {
            const [px, py] = [((probe * 31) % 101) / 100 - 0.005, ((probe * 17) % 103) / 101];
            const far = Array.from(x, (_, i) => Math.hypot(x[i] - px, y[i] - py));
            const least = Math.min(...far);
            const found = grid.nearest(px, py, 0.05);
            if (found === null ? least <= 0.05 : far[found] > least + 1e-6) return `${probe}: ${found}`;
        }
        return "all";
    }""")
        == "all"
    )


def test_labels_never_cover_each_other_and_the_largest_come_first(mapped):
    placed = mapped().evaluate("""async () => {
        const { placeLabels } = await import("/web/js/map/label_places.js");
        const labels = Array.from({ length: 60 }, (_, i) => (
            { x: (i * 97) % 640, y: (i * 61) % 480, widths: [60 + (i % 7) * 10, 90] }));
        return placeLabels(labels, { width: 640, height: 480, lineHeight: 17 }).map(
            ({ label, lines, x, top }) => {
                const across = Math.max(...labels[label].widths.slice(0, lines));
                return { label, left: x - across / 2, right: x + across / 2, top, bottom: top + lines * 17 };
            });
    }""")
    assert placed[0]["label"] == 0
    assert len(placed) > 10
    for number, one in enumerate(placed):
        assert one["left"] >= 0
        assert one["right"] <= 640
        assert not any(
            one["left"] < other["right"]
            and other["left"] < one["right"]
            and one["top"] < other["bottom"]
            and other["top"] < one["bottom"]
            for other in placed[:number]
        )


def test_a_map_of_this_projects_own_pages(serve, open_page, picture, tmp_path, request):
    """The one in the documentation, with real vectors and UMAP."""
    if not request.config.getoption("--pictures", default=False):
        pytest.skip("takes a minute or two; run with --pictures")
    here = Path(__file__).parents[2]
    with LocalDocs(tmp_path / "own", options=IndexOptions(exclude=("*.svg", "*.png"))) as docs:
        for folder in (here / "docs", here / "examples" / "documents"):
            docs.add(folder, collection="pages and papers")
        docs.sync()
        docs.map(collection="pages and papers")
    url = serve(documents=ServedDocuments(tmp_path / "own"))
    page = open_page(f"{url}/#/map", reduced_motion="reduce")
    expect(page.locator(".map-facts")).to_contain_text("drawn with UMAP")
    page.wait_for_timeout(500)  # the frame in which it is drawn
    picture(page, "web_map", themes=("light", "dark"))
