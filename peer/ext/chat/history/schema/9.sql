-- What others have read of what this account wrote: a mark alone would say so of what came to them late, too.
ALTER TABLE delivered ADD COLUMN read INTEGER NOT NULL DEFAULT 0; -- up to here
