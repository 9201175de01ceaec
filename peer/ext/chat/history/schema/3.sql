-- Bodies that were withheld, and may come later.
ALTER TABLE events ADD COLUMN lacks INTEGER NOT NULL DEFAULT 0; -- its body was withheld
UPDATE events SET lacks = 1 WHERE kind >= 16 AND gone = 0 AND n NOT IN (SELECT event FROM bodies);
CREATE INDEX lacking ON events (room, lamport) WHERE lacks;

-- The words of the index in their order: where a beginning is looked for, those that begin so are.
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, instance);
