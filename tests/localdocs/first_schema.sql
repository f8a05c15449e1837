CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE folders (path TEXT PRIMARY KEY, device TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode TEXT NOT NULL,
    scanned_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    settings TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('indexed', 'unreadable')),
    reason TEXT NOT NULL,
    title TEXT
);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    file_id INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    content_id TEXT NOT NULL,
    span_start INTEGER NOT NULL,
    span_end INTEGER NOT NULL,
    page INTEGER,
    first_line INTEGER,
    last_line INTEGER,
    headings TEXT NOT NULL,
    text TEXT NOT NULL,
    label TEXT NOT NULL,
    vector_key TEXT NOT NULL,
    UNIQUE (file_id, ordinal)
);
CREATE INDEX chunks_by_vector ON chunks (vector_key);
CREATE TABLE vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE pending (
    key TEXT PRIMARY KEY,
    operation TEXT NOT NULL CHECK (operation IN ('upsert', 'delete'))
) WITHOUT ROWID;
CREATE TRIGGER vector_added AFTER INSERT ON vectors BEGIN
    INSERT OR REPLACE INTO pending VALUES (new.key, 'upsert');
END;
CREATE TRIGGER vector_removed AFTER DELETE ON vectors BEGIN
    INSERT OR REPLACE INTO pending VALUES (old.key, 'delete');
END;
CREATE VIRTUAL TABLE keywords USING fts5 (
    text, label, content = 'chunks', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER chunk_added AFTER INSERT ON chunks BEGIN
    INSERT INTO keywords (rowid, text, label) VALUES (new.id, new.text, new.label);
END;
CREATE TRIGGER chunk_removed AFTER DELETE ON chunks BEGIN
    INSERT INTO keywords (keywords, rowid, text, label) VALUES ('delete', old.id, old.text, old.label);
END;
CREATE TRIGGER chunk_relabelled AFTER UPDATE OF label ON chunks BEGIN
    INSERT INTO keywords (keywords, rowid, text, label) VALUES ('delete', old.id, old.text, old.label);
    INSERT INTO keywords (rowid, text, label) VALUES (new.id, new.text, new.label);
END;
PRAGMA user_version = 1;
