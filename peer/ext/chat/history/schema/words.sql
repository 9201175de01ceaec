CREATE VIRTUAL TABLE words USING fts5(text, room, content='', tokenize='unicode61 remove_diacritics 2', prefix='1 2 3 4');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
