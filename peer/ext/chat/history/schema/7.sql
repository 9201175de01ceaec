-- The index is made anew: what was written beside a file is in it too. Its settings are those of version 4.
DROP TABLE words;
