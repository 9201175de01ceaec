-- Bodies that were withheld, and may come later.
ALTER TABLE events ADD COLUMN lacks INTEGER NOT NULL DEFAULT 0; -- its body was withheld
UPDATE events SET lacks = 1 WHERE kind >= 16 AND gone = 0 AND n NOT IN (SELECT event FROM bodies);
CREATE INDEX lacking ON events (room, lamport) WHERE lacks;

-- The index is made anew: it knows beginnings of four characters too. Where a longer one is looked for, the words that begin
-- so are looked up in their order.
DROP TABLE words;
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, instance);
