-- What others have stored of what this account wrote.
CREATE TABLE delivered (
	room INTEGER NOT NULL REFERENCES rooms,
	account BLOB NOT NULL,
	device BLOB NOT NULL,        -- of the archive's account
	seq INTEGER NOT NULL,        -- a device of the other account has its events up to here
	PRIMARY KEY (room, account, device)
) STRICT, WITHOUT ROWID;
