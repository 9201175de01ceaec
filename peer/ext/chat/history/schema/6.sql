-- What people have said that is no text, such as the offer of a file, is found without looking at all of it.
CREATE INDEX rare ON events (kind) WHERE kind > 16 AND kind < 32;
