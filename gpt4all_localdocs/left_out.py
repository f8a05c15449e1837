"""Files that are in the index and that other patterns than before leave out: not forgotten by a slip."""

import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Final

from gpt4all_localdocs.plan import reason_above
from gpt4all_localdocs.scan import Scan, Skipped

_FEW_FILES: Final = 10
_SMALL_SHARE: Final = 0.1
"""More files than this, and a larger share of the index, are not forgotten because of patterns alone: to
index them again takes a while, and whoever mistyped a pattern learns of it from the report."""


def keep_left_out(known: Collection[Path], scan: Scan, *, files: int) -> Scan:
    """The scan of a sync with other patterns than the last one, with known files hidden that these leave out.

    Only where they are too many to be forgotten without a word: see `_SMALL_SHARE`. files: how many the index
    has. A file that is known, not found and still there is one that is left out.
    """
    found = {stat.path for stat in scan.files}
    hidden = {place.path: place.reason for place in scan.hidden_from_view}
    gone = [path for path in known if path not in found and reason_above(path, hidden) is None]
    left_out = {path for path in gone if os.path.lexists(path)}
    if len(left_out) <= max(_FEW_FILES, _SMALL_SHARE * files):
        return scan
    reason = (
        f"the patterns of this sync leave out {len(left_out)} of the {files} files of the index;"
        " they are kept until a removal is confirmed"
    )
    return replace(
        scan,
        skipped=tuple(place for place in scan.skipped if place.path not in left_out),
        hidden_from_view=(*scan.hidden_from_view, *(Skipped(path, reason) for path in sorted(left_out))),
    )
