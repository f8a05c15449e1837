"""Small documents of every format, and damage done to them: to their bytes, or to a file packed in them."""

import io
import random
import tarfile
import zipfile
from pathlib import Path

_PIECES = (
    b"\0",
    b"\xff" * 4,
    b"\n",
    b"<",
    b"&x;",
    b"{",
    b"[" * 2000,
    b"<a>" * 400,
    b"--X\n",
    b"=?utf-8?B?",
    b"PK\3\4",
    b"\xd0\xcf\x11\xe0",
    b"{\\rtf",
    b"\\bin99999999 ",
    b"%PDF-",
    b"99999999999999999999",
    b"\xe2\x80\xae",
    b"../" * 20,
)
_MAIL = b"""From: Ada <a@b.c>
Subject: =?utf-8?B?R3LDtsOfZQ==?=
Content-Type: multipart/mixed; boundary="X"

--X
Content-Type: multipart/alternative; boundary="Y"

--Y
Content-Type: text/plain; charset=koi8-r

25 days
--Y
Content-Type: text/html

<h1>Leave</h1><table><tr><td>a<td>b</table>
--Y--
--X
Content-Disposition: attachment; filename="a.txt"
Content-Transfer-Encoding: base64

c2l4IHdlZWtz
--X
Content-Type: message/rfc822

Subject: inner

text
--X--
"""
_XML = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e "x">]>
<article><title>Leave</title><section><title>Sick</title><para>six &e; <b>weeks</b></para>
<table><row><cell>a</cell><cell>b</cell></row></table></section></article>"""
_NOTEBOOK = b"""{"nbformat": 4, "metadata": {"title": "T"}, "cells": [
{"cell_type": "markdown", "source": ["# Leave\\n", "text"]},
{"cell_type": "code", "source": "print(1)", "outputs": [{"output_type": "stream", "text": "1"},
{"output_type": "display_data", "data": {"text/html": "<b>x</b>", "image/png": "iVBO"}}]}]}"""

SMALL = {
    "mail.eml": _MAIL,
    "box.mbox": b"From a@b.c Mon Jan  1 12:00:00 2024\n"
    + _MAIL
    + b"\nFrom a@b.c Tue Jan  2 12:00:00 2024\n"
    + _MAIL,
    "article.xml": _XML,
    "book.ipynb": _NOTEBOOK,
    "values.json": b'{"leave": {"days": 25}, "staff": [{"name": "Ada", "tags": ["a"]}, {"name": "Bob"}]}',
    "lines.jsonl": b'{"a": 1}\n{"b": [1, {"c": 2}]}\n',
    "rows.csv": b'Region,"Sum\nof all"\nNorth,5\n"Sou""th",6\n',
    "page.html": b"<title>T</title><nav>x</nav><h1>Leave</h1><ul><li>a<ul><li>b</ul></ul><pre>c\n d</pre>",
    "text.md": b"---\ntitle: T\n---\n# Leave\n\nSick\n----\n```\n# no\n```\n",
    "text.rst": b"=====\nLeave\n=====\n\nSick\n----\n",
    "code.py": b"@cache\ndef f():\n    return '''x'''\nclass A:\n    async def g(self): ...\n",
    "code.js": b"export class A {\n}\nconst f = async (x) => {\n}\n",
    "letters.txt": "Отпуск составляет 28 дней. 年假为二十五天。".encode("gb18030"),
    "flow.rtf": rb"{\rtf1\ansi\pard Leave\par\trowd a\cell b\cell\row {\footnote x}\u1234?\par}",
}


def small_documents() -> dict[str, bytes]:
    """Documents by name, made here: archives of the others too."""
    packed, joined = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("mail.eml", "rows.csv", "article.xml"):
            archive.writestr(f"folder/{name}", SMALL[name])
    with tarfile.open(fileobj=joined, mode="w") as tar:
        for name in ("page.html", "book.ipynb"):
            entry = tarfile.TarInfo(name)
            entry.size = len(SMALL[name])
            tar.addfile(entry, io.BytesIO(SMALL[name]))
    return {**SMALL, "some.zip": packed.getvalue(), "some.tar": joined.getvalue()}


def sample_documents(folder: Path) -> dict[str, bytes]:
    """Real documents by name, the small ones; none where the folder is not there."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size < 60_000)
    return {path.name: path.read_bytes() for path in found}


def damage(content: bytes, chance: random.Random) -> bytes:
    """The content with a few of its bytes changed, or of those of a file packed in it."""
    if content.startswith(b"PK") and chance.random() < 0.7:
        return _damage_inside(content, chance)
    return _damage_bytes(content, chance)


def _damage_inside(content: bytes, chance: random.Random) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w") as copy:
        members = [member for member in source.infolist() if not member.is_dir()]
        chosen = chance.choice(members)
        for member in members:
            inside = source.read(member)
            copy.writestr(member.filename, _damage_bytes(inside, chance) if member is chosen else inside)
    return target.getvalue()


def _damage_bytes(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        start = chance.randrange(len(content) + 1)
        stretch = content[start : start + chance.choice((1, 1, 4, 16, 200))]
        rest = content[start + len(stretch) :]
        way = chance.randrange(6)
        if way == 0:
            content = content[:start] + rest
        elif way == 1:
            content = content[:start] + stretch * chance.choice((2, 3, 50)) + rest
        elif way == 2:
            content = content[:start] + chance.choice(_PIECES) + content[start:]
        elif way == 3:
            content = content[:start] + bytes(chance.randrange(256) for _ in stretch) + rest
        elif way == 4:
            content = content[:start] + stretch[::-1] + rest
        elif chance.random() < 0.2:
            content = content[:start]
        content = content[:400_000]
    return content
