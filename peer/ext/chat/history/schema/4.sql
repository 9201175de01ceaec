-- The index merges its parts when it is told to, some pages at a time, and by itself only when there are too many to search:
-- a message that was written while it merged as it liked waited for up to 140 ms.
INSERT INTO words (words, rank) VALUES ('automerge', 0);
INSERT INTO words (words, rank) VALUES ('usermerge', 8);
INSERT INTO words (words, rank) VALUES ('crisismerge', 1024);
