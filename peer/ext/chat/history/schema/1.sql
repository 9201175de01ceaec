-- The first version. Where an archive has a passphrase, a column that says "sealed" is
-- encrypted, and "key" of an event or room is a keyed hash of its id: an id in the clear would let
-- who guesses a message check the guess.
CREATE TABLE vault (
	only INTEGER PRIMARY KEY CHECK (only = 1),
	salt BLOB NOT NULL,
	passes INTEGER NOT NULL,
	memory INTEGER NOT NULL,     -- KiB
	lanes INTEGER NOT NULL,
	secret BLOB NOT NULL         -- sealed with what argon2id makes of the passphrase
) STRICT;
CREATE TABLE rooms (
	n INTEGER PRIMARY KEY,
	key BLOB NOT NULL UNIQUE,
	id BLOB NOT NULL             -- sealed
) STRICT;
CREATE TABLE devices (
	n INTEGER PRIMARY KEY,
	room INTEGER NOT NULL REFERENCES rooms,
	device BLOB NOT NULL,
	account BLOB NOT NULL,
	last INTEGER NOT NULL DEFAULT 0, -- the largest seq of its events
	log INTEGER,                 -- the last event of its log
	UNIQUE (room, device)
) STRICT;
CREATE TABLE views (
	n INTEGER PRIMARY KEY,
	room INTEGER NOT NULL REFERENCES rooms,
	tips BLOB NOT NULL           -- sealed
) STRICT;
CREATE INDEX room_views ON views (room);
CREATE TABLE events (
	n INTEGER PRIMARY KEY,       -- by arrival
	room INTEGER NOT NULL REFERENCES rooms,
	key BLOB NOT NULL UNIQUE,
	author INTEGER NOT NULL REFERENCES devices,
	seq INTEGER NOT NULL,
	lamport INTEGER NOT NULL,
	kind INTEGER NOT NULL,
	view INTEGER NOT NULL REFERENCES views,
	header BLOB NOT NULL,        -- sealed; with the signature
	wall INTEGER NOT NULL,       -- milliseconds
	arrived INTEGER NOT NULL,
	target BLOB,                 -- key of the event that it is about
	line INTEGER NOT NULL,       -- it has a place of its own in the conversation
	counts INTEGER NOT NULL,     -- as Room.Counts has it
	late INTEGER NOT NULL,       -- it came after later ones had been read
	gone INTEGER NOT NULL DEFAULT 0 -- its body was deleted
) STRICT;
CREATE INDEX logs ON events (author, seq);
CREATE INDEX timeline ON events (room, lamport) WHERE line AND counts;
CREATE INDEX acts ON events (room) WHERE kind < 4;
CREATE INDEX targets ON events (target) WHERE target IS NOT NULL;
CREATE INDEX late ON events (room) WHERE late;
CREATE TABLE bodies (
	event INTEGER PRIMARY KEY REFERENCES events,
	body BLOB NOT NULL           -- sealed
) STRICT;
CREATE TABLE heads (
	room INTEGER NOT NULL REFERENCES rooms,
	event INTEGER NOT NULL REFERENCES events,
	PRIMARY KEY (room, event)
) STRICT, WITHOUT ROWID;
CREATE TABLE forks (
	room INTEGER NOT NULL REFERENCES rooms,
	device BLOB NOT NULL,
	a BLOB NOT NULL,             -- sealed headers
	b BLOB NOT NULL,
	PRIMARY KEY (room, device)
) STRICT;
CREATE TABLE runs (
	author INTEGER NOT NULL REFERENCES devices,
	view INTEGER NOT NULL REFERENCES views,
	first INTEGER NOT NULL,
	last INTEGER NOT NULL,
	counted INTEGER NOT NULL,    -- those with a seq up to here count
	PRIMARY KEY (author, view)
) STRICT, WITHOUT ROWID;
CREATE TABLE marks (
	room INTEGER NOT NULL REFERENCES rooms,
	account BLOB NOT NULL,
	event INTEGER NOT NULL REFERENCES events, -- read up to here
	seen INTEGER NOT NULL,       -- the last that had arrived then
	PRIMARY KEY (room, account)
) STRICT;
CREATE TABLE drafts (
	key BLOB PRIMARY KEY,
	place BLOB NOT NULL,         -- sealed, and so is text
	text BLOB NOT NULL,
	changed INTEGER NOT NULL
) STRICT;
CREATE TABLE settings (
	name TEXT PRIMARY KEY,
	value BLOB NOT NULL          -- sealed
) STRICT;
