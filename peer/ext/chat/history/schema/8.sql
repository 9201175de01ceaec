-- What was written under keys that programs give, so that what is sent again is not there twice.
CREATE TABLE sent (
	event INTEGER PRIMARY KEY REFERENCES events,
	key BLOB NOT NULL UNIQUE     -- a hash with the id of the room, which is sealed: nobody can try what it may be
) STRICT;
