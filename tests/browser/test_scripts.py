"""Scripts of the page by themselves, in the browser that runs them."""

import pytest

MARKDOWN = """async text => {
    const { markdown } = await import("/web/js/markdown.js");
    const node = markdown(text);
    for (const figure of node.querySelectorAll("figcaption")) figure.remove();
    return node.innerHTML;
}"""

EVENTS = """async ({ text, step }) => {
    const { EventParser } = await import("/web/js/server_events.js");
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < text.length; at += step) events.push(...parser.push(text.slice(at, at + step)));
    return events.map(({ event, data }) => [event, data]);
}"""


@pytest.fixture
def page(serve, open_page):
    return open_page(serve())


LINK = 'rel="noopener noreferrer nofollow" target="_blank"'


def test_markdown_becomes_elements_and_everything_else_text(page):
    cases = {
        "a\nb": "<p>a<br>b</p>",
        "# One\n### Three": "<h3>One</h3><h5>Three</h5>",
        "**a *b*** ~~c~~ `d*e`": "<p><strong>a <em>b</em></strong> <del>c</del> <code>d*e</code></p>",
        "snake_case and 2 * 3 * 4": "<p>snake_case and 2 * 3 * 4</p>",
        r"\*no\*": "<p>*no*</p>",
        "- a\n- b\n  - c\n\n3. d\n4. e": "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"
        '<ol start="3"><li>d</li><li>e</li></ol>',
        "1. a\n   ```\n   x\n   ```\n2. b": "<ol><li>a"
        '<figure class="code"><pre tabindex="0"><code>x</code></pre></figure></li><li>b</li></ol>',
        "- a\n\n- b": "<ul><li><p>a</p></li><li><p>b</p></li></ul>",
        "> a\n> b": "<blockquote><p>a<br>b</p></blockquote>",
        "```py\n<b>\n": '<figure class="code"><pre tabindex="0"><code>&lt;b&gt;\n</code></pre></figure>',
        "<img src=x onerror=alert(1)>": "<p>&lt;img src=x onerror=alert(1)&gt;</p>",
        "[a](javascript:alert(1))": "<p>[a](javascript:alert(1))</p>",
        "[a](data:text/html,x)": "<p>[a](data:text/html,x)</p>",
        "[a.example](https://b.example/)": f'<p><a href="https://b.example/" {LINK}>a.example'
        '<span class="link-place"> (b.example)</span></a></p>',
        "At https://a.example/x_y_z.": f'<p>At <a href="https://a.example/x_y_z" {LINK}>'
        "https://a.example/x_y_z</a>.</p>",
        "![p](https://a.example/p.png)": f'<p><a href="https://a.example/p.png" {LINK}>p'
        '<span class="link-place"> (a.example)</span></a></p>',
        "no source [1], [2, 3]": "<p>no source [1], [2, 3]</p>",
        "2024. was long ago": '<ol start="2024"><li>was long ago</li></ol>',
        "in\n2024. it was": "<p>in<br>2024. it was</p>",
        "---": "<hr>",
    }
    assert {text: page.evaluate(MARKDOWN, text) for text in cases} == cases


def test_a_text_that_grows_is_drawn_as_it_would_be_whole(page):
    text = (
        "# T\n\n1. a\n   - b **c** `d`\n2. e\n\n| x | y |\n|---|--:|\n| 1 | 2 |\n\n```py\nz\n```\nend [1]\n"
    )
    grown = page.evaluate(
        """async text => {
            const { MarkdownView, markdown } = await import("/web/js/markdown.js");
            const view = new MarkdownView();
            const differing = [];
            for (let end = 0; end <= text.length; end += 1) {
                view.update(text.slice(0, end));
                if (view.element.innerHTML !== markdown(text.slice(0, end)).innerHTML) differing.push(end);
            }
            return differing;
        }""",
        text,
    )
    assert grown == []


def test_blocks_that_did_not_change_stay_the_nodes_they_were(page):
    assert page.evaluate(
        """async () => {
            const { MarkdownView } = await import("/web/js/markdown.js");
            const view = new MarkdownView();
            view.update("One.\\n\\nTwo");
            const first = view.element.firstChild;
            view.update("One.\\n\\nTwo and more.\\n\\nThree");
            return first === view.element.firstChild && view.element.childNodes.length === 3;
        }"""
    )


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_events_are_the_same_however_the_stream_is_cut(page, step):
    text = ': note\r\ndata: {"a":\r\ndata: 1}\r\n\r\nevent: progress\ndata:2\n\nevent: lost\n\n'
    text += "id: 7\rdata\r\rdata: half"
    assert page.evaluate(EVENTS, {"text": text, "step": step}) == [
        ["message", '{"a":\n1}'],
        ["progress", "2"],
        ["message", ""],
    ]


@pytest.mark.parametrize(
    "forbidden",
    [
        "document.body.innerHTML = '<b>bold</b>'",
        "await fetch('https://a.example/')",
        "await import('https://a.example/x.js')",
        """await new Promise((done, refused) => {
            const image = Object.assign(new Image(), {onload: done, onerror: refused});
            image.src = "https://a.example/x.png";
        })""",
    ],
)
def test_the_browser_refuses_what_the_policy_bars(serve, browser, forbidden):
    page = browser.new_page()
    try:
        page.goto(serve())
        page.evaluate("barred = []; addEventListener('securitypolicyviolation', event => barred.push(event))")
        assert (
            page.evaluate(f"(async () => {{ {forbidden} }})().then(() => 'done', () => 'refused')")
            == "refused"
        )
        page.wait_for_function("barred.length > 0")
    finally:
        page.close()
