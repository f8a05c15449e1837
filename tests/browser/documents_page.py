"""What people do on the documents page."""


def drop(page, paths, *, onto=".upload-zone"):
    """As a file manager does: the page sees entries, of folders too."""
    box = page.locator(onto).bounding_box()
    client = page.context.new_cdp_session(page)
    data = {"items": [], "files": paths, "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 10}
        client.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    client.detach()


def report(page):
    """What the last sync told, once it is done."""
    notice = page.locator(".sync-panel .notice")
    notice.wait_for()
    return notice.inner_text()


def indexed(page, url, paths):
    page.goto(f"{url}/#/documents")
    drop(page, paths)
    return report(page)


def search(page, question):
    page.get_by_role("tab", name="Search").click()
    page.get_by_label("Search this collection").fill(question)
    page.keyboard.press("Enter")
    page.locator(".hit").first.wait_for()
