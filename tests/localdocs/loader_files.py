"""Small files that the loader tests make themselves, and where the shared sample documents are."""

import zipfile
from pathlib import Path

import pytest

_SAMPLES = Path(__file__).parents[2].parent / "shared" / "data" / "documents"
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def sample(name: str) -> Path:
    """A document of the shared collection; skips the test where the collection is not there."""
    if not _SAMPLES.is_dir():
        pytest.skip(f"the sample documents are not at {_SAMPLES}")
    return _SAMPLES / name


def sample_files() -> list[Path]:
    """All files of the shared collection; empty where it is not there."""
    return sorted(path for path in _SAMPLES.rglob("*") if path.is_file())


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def paragraph(text: str, *, style: str = "", properties: str = "") -> str:
    style_element = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{style_element}{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def table(*rows: list[str]) -> str:
    cells = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


def write_docx(
    folder: Path, body: str, *, parts: dict[str, str] | None = None, name: str = "file.docx"
) -> Path:
    """A Word file with this body; `parts` maps kinds such as `footnotes` to the XML inside their root."""
    parts = parts or {}
    related = "".join(
        f'<Relationship Id="r{kind}" Type="{_OFFICE}/{kind}" Target="{kind}.xml"/>' for kind in parts
    )
    files = {
        "_rels/.rels": _relationships(
            f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/>'
        ),
        "word/_rels/document.xml.rels": _relationships(related),
        "word/document.xml": _word_xml("document", f"<w:body>{body}</w:body>"),
        **{f"word/{kind}.xml": _word_xml(kind, content) for kind, content in parts.items()},
    }
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in files.items():
            archive.writestr(part, content)
    return path


def _relationships(inside: str) -> str:
    return f'<Relationships xmlns="{_PACKAGE}">{inside}</Relationships>'


def _word_xml(root: str, inside: str) -> str:
    return (
        f'<w:{root} xmlns:w="{_W}" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f"{inside}</w:{root}>"
    )


def write_pdf(folder: Path, pages: list[str], *, title: str = "", name: str = "file.pdf") -> Path:
    """A PDF with one line of text a page; an empty text gives an empty page."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index, text in enumerate(pages):
        content = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * index} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    objects.append(f"<< /Title ({title}) >>")
    written, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(written))
        written += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    table_start = len(written)
    entries = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    written += (
        f"xref\n0 {size}\n0000000000 65535 f \n{entries}"
        f"trailer << /Size {size} /Root 1 0 R /Info {len(objects)} 0 R >>\nstartxref\n{table_start}\n%%EOF"
    ).encode("latin-1")
    return write(folder, name, written)
