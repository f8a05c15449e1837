"""PDFs made by hand."""

from loader_files import write

_BOLD = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold >>"


def page_of(text: str) -> str:
    return f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET"


def write_pages(folder, contents, *, catalog="", pages=None, more=()):
    """A PDF with these content streams. Objects: 1 catalog, 2 page tree, 3 font, then page and content each.

    Fonts are F1 and, bold, F2. pages: what else stands in a page's dictionary, by index. more: objects after
    these, from number 4 + 2 * len(contents) on. A content of None is a page that is not there.
    """
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(len(contents)))
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(contents)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index, content in enumerate(contents):
        entry = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * index} 0 R"
            f" /Resources << /Font << /F1 3 0 R /F2 {_BOLD} >> >> {(pages or {}).get(index, '')} >>"
        )
        stream = content or ""
        objects += [
            "null" if content is None else entry,
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    body = "".join(
        f"{number} 0 obj\n{content}\nendobj\n" for number, content in enumerate([*objects, *more], start=1)
    )
    # Without a table of offsets, pdfium finds the objects itself.
    return write(folder, "a.pdf", f"%PDF-1.4\n{body}trailer << /Root 1 0 R >>\n%%EOF")


def lines_at(lines):
    """A page's content: each of `(x, y, text)` an object of its own, in this order."""
    return "\n".join(f"BT /F1 10 Tf {x} {y} Td ({text}) Tj ET" for x, y, text in lines)


def set_in(lines):
    """A page's content, from the top: each of `(font, size, text)` a line of its own."""
    content, y = [], 740
    for font, size, text in lines:
        y -= size + 4
        content.append(f"BT /{font} {size} Tf 72 {y} Td ({text}) Tj ET")
    return "\n".join(content)


def ruled(*lines):
    """Strokes from `(x, y)` to `(x, y)`, each a path of its own."""
    return "\n".join(f"{x0} {y0} m {x1} {y1} l S" for x0, y0, x1, y1 in lines)
