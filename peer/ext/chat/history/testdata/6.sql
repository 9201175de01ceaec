-- An archive of version 6.
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
CREATE VIRTUAL TABLE words USING fts5(text, room, content='', tokenize='unicode61 remove_diacritics 2', prefix='1 2 3 4');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
-- What others have stored of what this account wrote.
CREATE TABLE delivered (
	room INTEGER NOT NULL REFERENCES rooms,
	account BLOB NOT NULL,
	device BLOB NOT NULL,        -- of the archive's account
	seq INTEGER NOT NULL,        -- a device of the other account has its events up to here
	PRIMARY KEY (room, account, device)
) STRICT, WITHOUT ROWID;
-- Bodies that were withheld, and may come later.
ALTER TABLE events ADD COLUMN lacks INTEGER NOT NULL DEFAULT 0; -- its body was withheld
UPDATE events SET lacks = 1 WHERE kind >= 16 AND gone = 0 AND n NOT IN (SELECT event FROM bodies);
CREATE INDEX lacking ON events (room, lamport) WHERE lacks;

-- The index is made anew: it knows beginnings of four characters too. Where a longer one is looked for, the words that begin
-- so are looked up in their order.
DROP TABLE words;
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, instance);
CREATE VIRTUAL TABLE words USING fts5(text, room, content='', tokenize='unicode61 remove_diacritics 2', prefix='1 2 3 4');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
-- The index merges its parts when it is told to, some pages at a time, and by itself only when there are too many to search:
-- a message that was written while it merged as it liked waited for up to 140 ms.
INSERT INTO words (words, rank) VALUES ('automerge', 0);
INSERT INTO words (words, rank) VALUES ('usermerge', 8);
INSERT INTO words (words, rank) VALUES ('crisismerge', 1024);
-- What programs tell each other is found without looking at all that people have said.
CREATE INDEX hidden ON events (room, kind) WHERE kind >= 48;
-- What people have said that is no text, such as the offer of a file, is found without looking at all of it.
CREATE INDEX rare ON events (kind) WHERE kind > 16 AND kind < 32;
INSERT INTO rooms VALUES (1, x'691455f6ad6931edab5ee35cfd848f99298a76eae78d520a5f64d123a3ed94b3', x'691455f6ad6931edab5ee35cfd848f99298a76eae78d520a5f64d123a3ed94b3');
INSERT INTO devices VALUES (1, 1, x'f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd8693', x'645c18f77cc4cbd16fe4cc63b039182f3c336a9f81d1a45d82e0bd14c563a966', 7, 7);
INSERT INTO views VALUES (1, 1, x'');
INSERT INTO views VALUES (2, 1, x'691455f6ad6931edab5ee35cfd848f99298a76eae78d520a5f64d123a3ed94b3');
INSERT INTO views VALUES (3, 1, x'de86709bc1e9b7274e56b4eac7223a47ec965b364570a78643d163e11f9525b4');
INSERT INTO events VALUES (1, 1, x'691455f6ad6931edab5ee35cfd848f99298a76eae78d520a5f64d123a3ed94b3', 1, 1, 1, 1, 1, x'010000000000000000000000000000000000000000000000000000000000000000f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd8693010000000000000000000000000000000000000000000000000000000000000000000101019d018e2e83361ec7d4385e5fc5ab03dc7f97b5d73fd71c862d755f564e769c2df307d147af1b1a4c028dcb8ddb86987e9039cfe6d78662947ce697756949dd2607098530bccc1ea0dfa16aba1aa47205b94685223e235537379ddd8fb8d09b8e8b0f', 1, 1790000000000, NULL, 0, 1, 0, 0, 0);
INSERT INTO events VALUES (2, 1, x'8f93a2b74172e85d5f312e10e57b28f2fa98b1900ea96bf5eb07b396c8b7e9ed', 1, 2, 2, 16, 2, x'01691455f6ad6931edab5ee35cfd848f99298a76eae78d520a5f64d123a3ed94b3f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd869302691455f6ad6931edab5ee35cfd848f99298a76eae78d520a5f64d123a3ed94b3000280d8c1a28c34101228030b3a85d63c014ae3a5472ec89b43d5c6f0c1f56f9cd0fb5dcf27f9a21d1d1ed8680a5103a1fa61e493df30df323713378f06b1532effe5e04e5a2f1dde11edbaa0c685ed82d40ffc3d76c1a9f85d5a6dfaba33544a274c39488cdbde150b', 1790000000000, 1790000000000, NULL, 1, 1, 0, 0, 0);
INSERT INTO events VALUES (3, 1, x'2bcc8838e38028232fdda3a270f55652182a33d846023b1c36f2cad9551df5db', 1, 3, 3, 16, 2, x'01691455f6ad6931edab5ee35cfd848f99298a76eae78d520a5f64d123a3ed94b3f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd8693038f93a2b74172e85d5f312e10e57b28f2fa98b1900ea96bf5eb07b396c8b7e9ed000380d8c1a28c34100cbeca6335b20ff57ccc47403ef4d9e0b8fccb4442b3151c2e7d50050673d431729ce3aefb502c76833b5d93cf3c724ba59724fc7376e0af02d30e2b532d3f5cecd8d8ac87c78b167d6765d07270ad91f4f7b5d5349a96834d9f402f25575d9b0e', 1790000000000, 1790000000000, NULL, 1, 1, 0, 0, 0);
INSERT INTO events VALUES (4, 1, x'cc874f6d4f854e5bae26eee8f4edea5653d1539d7fc2cc788c4177cc05b58b93', 1, 4, 4, 16, 2, x'01691455f6ad6931edab5ee35cfd848f99298a76eae78d520a5f64d123a3ed94b3f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd8693042bcc8838e38028232fdda3a270f55652182a33d846023b1c36f2cad9551df5db000480d8c1a28c34100a889e5f437ce5f237712a5485b2e9388c1306b32c63200fb4bc502da16c8ff02523f6a4d2830b5ac6d4f6bdb6a59b1823e2537ca737e2e47ddb72645a329aaae1d648f06f838b05fd23aecf83ff2fecd98bfd902abdb57ef03c50f4bee843a606', 1790000000000, 1790000000000, NULL, 1, 1, 0, 1, 0);
INSERT INTO events VALUES (5, 1, x'a61aa16b7160ab9b0599096ee3670860ff8efa28fc6acbb5691348161214783b', 1, 5, 5, 4, 2, x'01691455f6ad6931edab5ee35cfd848f99298a76eae78d520a5f64d123a3ed94b3f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd869305cc874f6d4f854e5bae26eee8f4edea5653d1539d7fc2cc788c4177cc05b58b93000580d8c1a28c340420ab8e41505e9af3e6efaec5b942c8880230cde2f5528c51b6b03d436b56d4c1bdbde81c339ff3d24f79bee8339031cda04158331b6c55fdd2586d6ef5bd32f8586fd9f39e86841b10b65b09d4928d317bbbe8dee8223af9c230d660c419fb8907', 1790000000000, 1790000000000, x'cc874f6d4f854e5bae26eee8f4edea5653d1539d7fc2cc788c4177cc05b58b93', 0, 1, 0, 0, 0);
INSERT INTO events VALUES (6, 1, x'de86709bc1e9b7274e56b4eac7223a47ec965b364570a78643d163e11f9525b4', 1, 6, 6, 3, 2, x'01691455f6ad6931edab5ee35cfd848f99298a76eae78d520a5f64d123a3ed94b3f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd869306a61aa16b7160ab9b0599096ee3670860ff8efa28fc6acbb5691348161214783b000680d8c1a28c3403225f813ad336d046c275dbfd4761e028a75e4747b01b22b6bfafd28df2e1c4441ac1d92e7c2e0d3b605c35f8b490538702251cc3130a5d0585c63836ceec8d727886c9e52504ef13871da13edb365e3fdfc6a452b81bf3da29a1c16240ca47df0a', 1790000000000, 1790000000000, NULL, 0, 1, 0, 0, 0);
INSERT INTO events VALUES (7, 1, x'538915206df2ee304ead982d2c672ed038c6a23a4f13d22e64415f04ee84ec02', 1, 7, 7, 16, 3, x'01691455f6ad6931edab5ee35cfd848f99298a76eae78d520a5f64d123a3ed94b3f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd869307de86709bc1e9b7274e56b4eac7223a47ec965b364570a78643d163e11f9525b4000780d8c1a28c34100882a605fd692064ce853c222f838bf8b7e5843dea6e50878a12bfcc2858228c210dead1740c4b7718a76ec5d7c354eba49ce2a8ac61c74cf08b74e112afc257586c4a7a93d5a9620ad7f9bdfaaf66e3817c01cbb758e2e521a43a5bfc04923e04', 1790000000000, 1790000000000, NULL, 1, 1, 0, 0, 0);
INSERT INTO bodies VALUES (1, x'910101645c18f77cc4cbd16fe4cc63b039182f3c336a9f81d1a45d82e0bd14c563a966f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd8693000000006553f1000006676f6c64656e4ab58b0718f0198bc55071d142f702ac8603f9d22ffe1f80575a9569fab867c81c4d7e26f13af0afa6e52fb6ab5764f3867715c7407948a5fed0a9049f79ff0c06676f6c64656e050000');
INSERT INTO bodies VALUES (2, x'68656c6c6f20676f6c64656e20776f726c64');
INSERT INTO bodies VALUES (3, x'e4bda0e5a5bde4b896e7958c');
INSERT INTO bodies VALUES (5, x'cc874f6d4f854e5bae26eee8f4edea5653d1539d7fc2cc788c4177cc05b58b93');
INSERT INTO bodies VALUES (6, x'01070000000000000000000000000000000000000000000000000000000000000001');
INSERT INTO bodies VALUES (7, x'746865206c617374');
INSERT INTO heads VALUES (1, 7);
INSERT INTO runs VALUES (1, 1, 1, 1, 1);
INSERT INTO runs VALUES (1, 2, 2, 6, 6);
INSERT INTO runs VALUES (1, 3, 7, 7, 7);
INSERT INTO marks VALUES (1, x'645c18f77cc4cbd16fe4cc63b039182f3c336a9f81d1a45d82e0bd14c563a966', 3, 7);
INSERT INTO drafts VALUES (x'706c616365', x'706c616365', x'61206472616674', 1790000000000);
INSERT INTO settings VALUES ('name', x'76616c7565');
INSERT INTO delivered VALUES (1, x'0700000000000000000000000000000000000000000000000000000000000000', x'f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd8693', 6);
INSERT INTO words (rowid, text, room) VALUES (2, 'hello golden world', 'r1');
INSERT INTO words (rowid, text, room) VALUES (3, ' 你好 好世 世界 界', 'r1');
INSERT INTO words (rowid, text, room) VALUES (7, 'the last', 'r1');
PRAGMA application_id=1882353768;
PRAGMA user_version=6;
