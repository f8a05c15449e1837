"""What a sync has to do: decisions from what is known, what was found, and the files' hashes.

They are taken over tables, in the order of the functions here, and depend on nothing else.
"""

from typing import Final

from gpt4all_localdocs.manifest import RACY_WINDOW_NS
from gpt4all_localdocs.sync_ledger import IS_GONE, SyncLedger

# A known file whose stat proves that it is as it was is the same, or outdated where its chunks were made
# under other settings. Where the stat does not prove it (see `manifest.is_racy`), and of what is new, the
# hash is needed.
_BY_STAT: Final = """
UPDATE found SET step = coalesce((
    SELECT CASE
        WHEN (known.size, known.mtime_ns, known.inode) IS NOT (found.size, found.mtime_ns, found.inode)
            OR known.mtime_ns >= scanned_ns - :window THEN 'hash'
        WHEN settings <> :settings THEN 'outdated'
        ELSE 'same'
    END FROM known WHERE known.key = found.key
), 'hash')
"""

# An unreadable file whose stat changed is tried again, whatever its content.
_BY_CONTENT: Final = """
UPDATE found SET step = coalesce((
    SELECT CASE
        WHEN known.sha256 = found.sha256 AND settings = :settings AND state = 'indexed' THEN 'confirmed'
        ELSE 'updated'
    END FROM known WHERE known.key = found.key
), 'added') WHERE step = 'hash'
"""
_OUTDATED: Final = """
UPDATE found SET step = 'updated', sha256 = (SELECT known.sha256 FROM known WHERE known.key = found.key)
WHERE step = 'outdated'
"""

# New files with gone ones of the same content, the first with the first; {part} is what else they share, and
# {name} the column that has it.
_MOVES: Final = """
SELECT gone.key, new.key
FROM (
    SELECT key, sha256, name_of(key) AS name,
        row_number() OVER (PARTITION BY sha256{part} ORDER BY key) AS place
    FROM known WHERE {is_gone} AND state = 'indexed' AND settings = ? AND sha256 <> ''
) AS gone JOIN (
    SELECT key, sha256, name_of(key) AS name,
        row_number() OVER (PARTITION BY sha256{part} ORDER BY key) AS place
    FROM found WHERE step = 'added'
) AS new USING (sha256, place{name})
WHERE TRUE
"""


def plan_reading(ledger: SyncLedger, *, settings: str) -> None:
    """Step one: sort the files that were found by what their stats alone can tell.

    "same" and "outdated" need no reading, "hash" does.
    """
    ledger.run(_BY_STAT, {"window": RACY_WINDOW_NS, "settings": settings})


def plan_sync(ledger: SyncLedger, *, settings: str) -> None:
    """Step two: decide on every file by its hash; those that could not be read have no step any more.

    "confirmed" is the same content under a new stat, "moved" that of a file that is gone, one of the same
    name first; "added" and "updated" are to be loaded. What is known and not found is `IS_GONE`, or kept.
    """
    ledger.run("UPDATE found SET step = '' WHERE step = 'hash' AND sha256 = ''")
    ledger.run(_BY_CONTENT, {"settings": settings})
    ledger.run(_OUTDATED)
    if not ledger.has_gone():
        return
    for part, name in ((", name_of(key)", ", name"), ("", "")):
        ledger.run("CREATE TABLE moves (gone BLOB, new BLOB)")
        ledger.run(f"INSERT INTO moves {_MOVES.format(part=part, name=name, is_gone=IS_GONE)}", (settings,))
        ledger.run("CREATE UNIQUE INDEX moves_by_new ON moves (new)")
        ledger.run(
            "UPDATE found SET step = 'moved', moved_from = (SELECT gone FROM moves WHERE new = key)"
            " WHERE key IN (SELECT new FROM moves)"
        )
        ledger.run("UPDATE known SET moved = 1 WHERE key IN (SELECT gone FROM moves)")
        ledger.run("DROP TABLE moves")
