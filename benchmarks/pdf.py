"""How fast PDFs are read, against a bare loop over pdfium's text of each page, both in one run.

    python benchmarks/pdf.py FILE_OR_FOLDER … [--layout]

For each file the least processor time of several turns, the two in turns so that other programs disturb
both; then a made file of many pages with one line each, where what is done per page weighs most. A ratio of
0.8 means that mending, ordering and placing the text adds a quarter to what pdfium takes. --layout reads as
indexes with `pdf_layout=True` do.
"""

import argparse
import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pypdfium2

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import pdf
from gpt4all_localdocs.loaders.pdf_layout import reading_layout


def read_bare(path: Path) -> int:
    with pypdfium2.PdfDocument(path) as document:
        for page in document:
            text_page = page.get_textpage()
            text_page.get_text_range()
            text_page.close()
            page.close()
        return len(document)


def read(path: Path) -> None:
    try:
        pdf.load(path)
    except UnreadableDocument:
        return  # a scan takes its time too


def least(calls: list[Callable[[Path], object]], path: Path, *, turns: int) -> list[float]:
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(turns):
        for call, times in zip(calls, taken, strict=True):
            gc.collect()
            start = time.process_time()
            call(path)
            times.append(time.process_time() - start)
    return [min(times) for times in taken]


def write_short_pages(path: Path, pages: int) -> None:
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(pages))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for index in range(pages):
        content = f"BT /F1 12 Tf 72 720 Td (page {index} speaks of matter {index * 7}) Tj ET"
        page = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * index} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects += [page, f"<< /Length {len(content)} >>\nstream\n{content}\nendstream"]
    body = "".join(f"{number} 0 obj\n{each}\nendobj\n" for number, each in enumerate(objects, start=1))
    path.write_text(f"%PDF-1.4\n{body}trailer << /Root 1 0 R >>\n%%EOF", encoding="ascii")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("paths", type=Path, nargs="*", help="PDFs, or folders of them")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--pages", type=int, default=10_000, help="of the made file")
    parser.add_argument("--layout", action="store_true", help="look at lines that are drawn, and letters")
    options = parser.parse_args()
    with reading_layout(is_wanted=options.layout):
        compare(options.paths, turns=options.turns, pages=options.pages)


def compare(paths: list[Path], *, turns: int, pages: int) -> None:
    files = [file for path in paths for file in (sorted(path.rglob("*.pdf")) if path.is_dir() else [path])]
    print(f"{'pages':>6} {'bare':>9} {'ours':>9} {'ratio':>6}")
    totals = [0.0, 0.0]
    for file in files:
        times = least([read_bare, read], file, turns=turns)
        totals = [total + each for total, each in zip(totals, times, strict=True)]
        show(read_bare(file), times, file.name)
    if files:
        show(0, totals, f"all {len(files)} files")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "pages of one line"
        write_short_pages(made, pages)
        show(pages, least([read_bare, read], made, turns=turns), made.name)


def show(pages: int, times: list[float], name: str) -> None:
    bare, ours = times
    print(f"{pages or '':>6} {bare * 1e3:7.1f}ms {ours * 1e3:7.1f}ms {bare / ours:6.2f}  {name}")


if __name__ == "__main__":
    main()
