"""Damaged files of every format: a document with true places, or a reason, and nothing else."""

import os
import random
import zipfile
from copy import deepcopy
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from document_seeds import SEEDS
from lxml import etree

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import delimited, docx, epub, odp, ods, odt, pptx, rtf, spreadsheet
from gpt4all_localdocs.loaders.process import LoaderProcess

MUTANTS = int(os.environ.get("FUZZ_MUTANTS", "1000"))
SEED = os.environ.get("FUZZ_SEED", "0")
SHARE = 12
"""One mutant in so many of a whole run is for each format: a file costs more than an answer."""

LOADERS = {
    ".csv": delimited,
    ".docx": docx,
    ".epub": epub,
    ".odp": odp,
    ".ods": ods,
    ".odt": odt,
    ".pptx": pptx,
    ".rtf": rtf,
    ".xlsx": spreadsheet,
}
HOSTILE = (
    b"<",
    b'"',
    b"&#x41;",
    b"&e;",
    b"]]>",
    b"\0",
    b"\xff",
    b"999999999999",
    b"-1",
    b"\\u55357 ",
    b"{",
    b"}",
    b"\\'",
)

VALUES = (
    "",
    "0",
    "-1",
    "7",
    "999999999999999999999",
    "1e9",
    "A1:XFD1048576",
    "true",
    "../../x",
    "a\r\nb",
    "\u202e\ufeff",
)


@cache
def seed(suffix: str, folder: Path) -> bytes:
    return SEEDS[suffix](folder).read_bytes()


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, cut out, put in or said twice; or the end is missing."""
    mutant = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        start = chance.randrange(len(mutant) + 1)
        length = chance.choice((1, 1, 2, 8, 64))
        match chance.randrange(5):
            case 0:
                mutant[start : start + length] = chance.randbytes(length)
            case 1:
                del mutant[start : start + length]
            case 2:
                mutant[start:start] = chance.choice(HOSTILE)
            case 3:
                mutant[start:start] = mutant[start : start + length] * chance.choice((2, 50))
            case _ if chance.random() < 0.2:
                del mutant[start:]
    return bytes(mutant)


def rearranged(content: bytes, chance: random.Random) -> bytes:
    """Well-formed XML whose elements, values and texts are not those that belong there."""
    tree = etree.fromstring(content)
    for _ in range(chance.randint(1, 6)):
        elements = list(tree.iter())
        element = chance.choice(elements)
        parent = element.getparent()
        match chance.randrange(6):
            case 0 if parent is not None:
                parent.remove(element)
            case 1 if parent is not None:
                parent.extend(deepcopy(element) for _ in range(chance.choice((1, 40))))
            case 2 if parent is not None:
                chance.choice(elements[:3]).append(deepcopy(element))
            case 3 if element.attrib:
                element.set(chance.choice(list(element.attrib)), chance.choice(VALUES))
            case 4:
                element.text = chance.choice(VALUES)
            case _:
                element.tag = chance.choice(elements).tag
    return etree.tostring(tree)


def damaged_inside(content: bytes, chance: random.Random) -> bytes:
    """An archive with one member damaged or rearranged, and packed anew so that this is reached."""
    packed = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as archive, zipfile.ZipFile(packed, "w") as mutant:
        victim = chance.choice(archive.namelist())
        change = chance.choice((damaged, rearranged, rearranged, rearranged))
        for name in archive.namelist():
            member = archive.read(name)
            mutant.writestr(name, change(member, chance) if name == victim else member)
    return packed.getvalue()


def check(document):
    """Places are in the text, in order; no control character is left that no text has."""
    assert document.text.strip()
    assert "\0" not in document.text
    assert "\r" not in document.text
    borders = [border for part in document.parts for border in (part.start, part.end)]
    assert borders == sorted(borders)
    assert all(0 <= border <= len(document.text) for border in borders)
    starts = [heading.start for heading in document.headings]
    assert starts == sorted(starts)
    assert all(0 <= start < len(document.text) for start in starts)


@pytest.mark.parametrize("suffix", LOADERS)
def test_a_damaged_file_is_read_or_refused_with_a_reason(tmp_path, suffix):
    chance = random.Random(f"{SEED} {suffix}")
    path = tmp_path / f"file{suffix}"
    whole = seed(suffix, tmp_path)
    read = 0
    for number in range(max(4, MUTANTS // SHARE)):
        is_archive = whole.startswith(b"PK")
        mutant = damaged_inside(whole, chance) if is_archive and number % 4 else damaged(whole, chance)
        path.write_bytes(mutant)
        try:
            check(LOADERS[suffix].load(path))
            read += 1
        except UnreadableDocument as error:
            assert error.reason  # noqa: PT017 - both are right
    assert read, "every mutant was refused: the damage is too much to find anything"


def test_a_damaged_pdf_is_read_or_refused_by_the_child_which_lives(tmp_path):
    chance = random.Random(f"{SEED} .pdf")
    path = tmp_path / "file.pdf"
    whole = SEEDS[".pdf"](tmp_path).read_bytes()
    with LoaderProcess() as loaders:
        for _ in range(max(4, MUTANTS // SHARE)):
            path.write_bytes(damaged(whole, chance))
            try:
                check(loaders.load(path))
            except UnreadableDocument as error:
                assert error.reason not in {"the parser crashed on it", ""}  # noqa: PT017 - see above
