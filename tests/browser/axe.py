"""What axe-core finds wrong with a page, and what does not fit on it, in both themes and both widths."""

from pathlib import Path

import pytest
from screens import NARROW, WIDE

_AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"

_RUN = """async (rules) => {
    const only = rules && { runOnly: { type: "rule", values: rules } };
    const { violations } = await axe.run(document, { resultTypes: ["violations"], ...only });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target}`));
}"""

_WIDER = """() => [document.documentElement, ...document.querySelectorAll("main, dialog, .view, .thread")]
    .filter((box) => box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX !== "hidden")
    .map((box) => {
        const edge = box.getBoundingClientRect().left + box.clientLeft + box.clientWidth;
        const isOver = (each) => each.getBoundingClientRect().right > edge;
        const over = [...box.querySelectorAll("*")].filter(isOver);
        return [box, ...over.slice(0, 5)].map((each) => `${each.localName}.${each.classList}`).join(" > ");
    })"""


def assert_accessible(page, state, *, widths=(WIDE, NARROW)):
    """Nothing of a page as it stands breaks a rule of axe, of any impact, or has to be scrolled sideways."""
    if not _AXE.exists():
        pytest.fail("axe-core is missing; run: make test-browser")
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE.read_text(encoding="utf-8"))  # not as a script: the page's policy bars those
    before = page.viewport_size
    for width in widths:
        page.set_viewport_size(width)
        # Themes differ in colours alone.
        for theme, rules in (("light", None), ("dark", ["color-contrast"])):
            page.emulate_media(color_scheme=theme)
            found = page.evaluate(_RUN, rules)
            assert not found, f"{state}, {theme}, {width['width']} px: {found}"
        wider = page.evaluate(_WIDER)
        assert not wider, f"{state}, {width['width']} px: wider than they may be: {wider}"
    page.set_viewport_size(before)
    page.emulate_media(color_scheme="light")
