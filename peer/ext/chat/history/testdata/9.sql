-- An archive of version 9.
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
-- The index is made anew: what was written beside a file is in it too. Its settings are those of version 4.
DROP TABLE words;
CREATE VIRTUAL TABLE words USING fts5(text, room, content='', tokenize='unicode61 remove_diacritics 2', prefix='1 2 3 4');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
-- The index merges its parts when it is told to, some pages at a time, and by itself only when there are too many to search:
-- a message that was written while it merged as it liked waited for up to 140 ms.
INSERT INTO words (words, rank) VALUES ('automerge', 0);
INSERT INTO words (words, rank) VALUES ('usermerge', 8);
INSERT INTO words (words, rank) VALUES ('crisismerge', 1024);
-- What was written under keys that programs give, so that what is sent again is not there twice.
CREATE TABLE sent (
	event INTEGER PRIMARY KEY REFERENCES events,
	key BLOB NOT NULL UNIQUE     -- a hash with the id of the room, which is sealed: nobody can try what it may be
) STRICT;
-- What others have read of what this account wrote: a mark alone would say so of what came to them late, too.
ALTER TABLE delivered ADD COLUMN read INTEGER NOT NULL DEFAULT 0; -- up to here
INSERT INTO rooms VALUES (1, x'1fcce8d3d929cb674452d2b7bb52d61206d23effa8a0a9cebe933a8e700c7a75', x'1fcce8d3d929cb674452d2b7bb52d61206d23effa8a0a9cebe933a8e700c7a75');
INSERT INTO devices VALUES (1, 1, x'f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd8693', x'645c18f77cc4cbd16fe4cc63b039182f3c336a9f81d1a45d82e0bd14c563a966', 7, 7);
INSERT INTO views VALUES (1, 1, x'');
INSERT INTO views VALUES (2, 1, x'1fcce8d3d929cb674452d2b7bb52d61206d23effa8a0a9cebe933a8e700c7a75');
INSERT INTO views VALUES (3, 1, x'36565b147d1c4803954f6998b9630ed954e7d56c086eab58ae29f052823e0899');
INSERT INTO events VALUES (1, 1, x'1fcce8d3d929cb674452d2b7bb52d61206d23effa8a0a9cebe933a8e700c7a75', 1, 1, 1, 1, 1, x'010000000000000000000000000000000000000000000000000000000000000000f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd869301000000000000000000000000000000000000000000000000000000000000000000010101d7016beed29e8ecb31f8fcb47ed991fb71fc8864d65c415bb55f0ac4b657437cfd2ca7a28f9339747ad0f3e596b88c1195e2a12e1d115cf59d07f20774caecc38ba34a8e82f69562e03ad02116cbcfdff91ffc798f02d4d90384c5f3a5f59ee3bc00', 1, 1790000000000, NULL, 0, 1, 0, 0, 0);
INSERT INTO events VALUES (2, 1, x'6c395e860d7cbbd1c9f578c415be6582bdb9bb5aff3a256d41a023b622e897f5', 1, 2, 2, 16, 2, x'011fcce8d3d929cb674452d2b7bb52d61206d23effa8a0a9cebe933a8e700c7a75f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd8693021fcce8d3d929cb674452d2b7bb52d61206d23effa8a0a9cebe933a8e700c7a75000280d8c1a28c34101228030b3a85d63c014ae3a5472ec89b43d5c6f0c1f56f9cd0fb5dcf27f9a21d1d54df7a1c97bcfeaf281841930e7fc07521e884d87db4314e11897ad37ecc67fd540981eeff7d966a4521e876dfe7b9f2f46ee1a44fb16cd6dc2de2a438934f04', 1790000000000, 1790000000000, NULL, 1, 1, 0, 0, 0);
INSERT INTO events VALUES (3, 1, x'f269250e91cb1e1a59cf1d52b0c871346a2d596562ccdbcd700dffa4598f001e', 1, 3, 3, 16, 2, x'011fcce8d3d929cb674452d2b7bb52d61206d23effa8a0a9cebe933a8e700c7a75f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd8693036c395e860d7cbbd1c9f578c415be6582bdb9bb5aff3a256d41a023b622e897f5000380d8c1a28c34100cbeca6335b20ff57ccc47403ef4d9e0b8fccb4442b3151c2e7d50050673d43172fea18839eab39bfe83a8de3e920f8d1680a02d140007d9c2fc2da39eaba553815e93e1aebf175400be2b0367dacf6aa481518b00ebff720e8a76256974b8c70b', 1790000000000, 1790000000000, NULL, 1, 1, 0, 0, 0);
INSERT INTO events VALUES (4, 1, x'd5c5f9c44e147b173fff69931140c2de46ad01f876c70208c6dd211975b7a12f', 1, 4, 4, 16, 2, x'011fcce8d3d929cb674452d2b7bb52d61206d23effa8a0a9cebe933a8e700c7a75f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd869304f269250e91cb1e1a59cf1d52b0c871346a2d596562ccdbcd700dffa4598f001e000480d8c1a28c34100a889e5f437ce5f237712a5485b2e9388c1306b32c63200fb4bc502da16c8ff025668d6b6d0d12f18cf8f5c0c4393dd3bf1baf0c3f51e34038c103f007bc2b12270278dc9dcc94031e7aa5ecdf8db54433795c1d24cbe1db3450583a4a1f6fd80d', 1790000000000, 1790000000000, NULL, 1, 1, 0, 1, 0);
INSERT INTO events VALUES (5, 1, x'db510d2c8510c67ea518eeba0e3abd2e0f9c876bc69eb8c53d4863f1d2718fae', 1, 5, 5, 4, 2, x'011fcce8d3d929cb674452d2b7bb52d61206d23effa8a0a9cebe933a8e700c7a75f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd869305d5c5f9c44e147b173fff69931140c2de46ad01f876c70208c6dd211975b7a12f000580d8c1a28c340420c88fc0916ac99d12a30d34e9a3fcf8e9b98dad2ad2ac1dfcee27b9aacf8db4422878a0d0d22863a20d4625d195321ab37b53bac7a186f34d69555100fb610d524163b512abd6c9f8c12871823a018dfd5f10e8bad9b1438aa1fcb0c339113505', 1790000000000, 1790000000000, x'd5c5f9c44e147b173fff69931140c2de46ad01f876c70208c6dd211975b7a12f', 0, 1, 0, 0, 0);
INSERT INTO events VALUES (6, 1, x'36565b147d1c4803954f6998b9630ed954e7d56c086eab58ae29f052823e0899', 1, 6, 6, 3, 2, x'011fcce8d3d929cb674452d2b7bb52d61206d23effa8a0a9cebe933a8e700c7a75f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd869306db510d2c8510c67ea518eeba0e3abd2e0f9c876bc69eb8c53d4863f1d2718fae000680d8c1a28c3403225f813ad336d046c275dbfd4761e028a75e4747b01b22b6bfafd28df2e1c4441a8b145d3db30042875d6adeceffd227f99d3bf687b84ab184ced1d119210251e48d0f4c8723cdf06a3b1cf110840af3b9fdfb52b3bfde099a4b3e322e806d5804', 1790000000000, 1790000000000, NULL, 0, 1, 0, 0, 0);
INSERT INTO events VALUES (7, 1, x'7681ccac3dd65a2544d2b6e07ca3cc5b04ec64b541a333652a1956766d9f20ff', 1, 7, 7, 16, 3, x'011fcce8d3d929cb674452d2b7bb52d61206d23effa8a0a9cebe933a8e700c7a75f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd86930736565b147d1c4803954f6998b9630ed954e7d56c086eab58ae29f052823e0899000780d8c1a28c34100882a605fd692064ce853c222f838bf8b7e5843dea6e50878a12bfcc2858228c21d0dc71b95914365edf4ee5b203450de610cc186ec4670b68753a8b33f4ab1bb91c05f0d5ca0f729c17ad753073172211521d5ba6cc4dd56c99edca7f74660a04', 1790000000000, 1790000000000, NULL, 1, 1, 0, 0, 0);
INSERT INTO bodies VALUES (1, x'cb0101645c18f77cc4cbd16fe4cc63b039182f3c336a9f81d1a45d82e0bd14c563a966f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd8693000000006553f10000407e4f6857334c4a6f44544c356663724c6e63704237426d696765677631656e4b32653879744164553170326c4453427a61784977554e4a6a4a6154477755754dd9c223b82a9ead95ed036be29c5b61d95961e75920751bbacf8574a4792107721f273f36653ce774bb16beca1b8533663ee1c1602fdf28a459fc9ba19bcac70f06676f6c64656e050000');
INSERT INTO bodies VALUES (2, x'68656c6c6f20676f6c64656e20776f726c64');
INSERT INTO bodies VALUES (3, x'e4bda0e5a5bde4b896e7958c');
INSERT INTO bodies VALUES (5, x'd5c5f9c44e147b173fff69931140c2de46ad01f876c70208c6dd211975b7a12f');
INSERT INTO bodies VALUES (6, x'01070000000000000000000000000000000000000000000000000000000000000001');
INSERT INTO bodies VALUES (7, x'746865206c617374');
INSERT INTO heads VALUES (1, 7);
INSERT INTO runs VALUES (1, 1, 1, 1, 1);
INSERT INTO runs VALUES (1, 2, 2, 6, 6);
INSERT INTO runs VALUES (1, 3, 7, 7, 7);
INSERT INTO marks VALUES (1, x'645c18f77cc4cbd16fe4cc63b039182f3c336a9f81d1a45d82e0bd14c563a966', 3, 7);
INSERT INTO drafts VALUES (x'706c616365', x'706c616365', x'61206472616674', 1790000000000);
INSERT INTO settings VALUES ('name', x'76616c7565');
INSERT INTO delivered VALUES (1, x'0700000000000000000000000000000000000000000000000000000000000000', x'f8a42bb0f05d2c58f281f5fe98e7e870c435e8ddd794c28ad523248c87cd8693', 6, 5);
INSERT INTO sent VALUES (7, x'444dcd646860959e13cdc5a58702daf6');
INSERT INTO words (rowid, text, room) VALUES (2, 'hello golden world', 'r1');
INSERT INTO words (rowid, text, room) VALUES (3, ' 你好 好世 世界 界', 'r1');
INSERT INTO words (rowid, text, room) VALUES (7, 'the last', 'r1');
PRAGMA application_id=1882353768;
PRAGMA user_version=9;
