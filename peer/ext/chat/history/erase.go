package history

import "fmt"

// erased are the tables that Erase empties: all but the vault.
var erased = []string{
	"bodies", "heads", "forks", "runs", "marks", "delivered", "sent", "events", "views", "devices", "rooms", "drafts", "settings",
}

// Erase takes everything away that the archive holds, in one transaction: a program that is killed meanwhile leaves all or
// nothing. Numbers begin anew. The passphrase stays. No Log may be open.
func (a *Archive) Erase() error {
	if err := a.write.erase(a.box.plain(), a.forgetRecent); err != nil {
		return fmt.Errorf("erase history: %w", err)
	}
	if err := a.index.forget(); err != nil {
		return fmt.Errorf("erase history: %w", err)
	}
	a.ink.wrote(0, true)
	return nil
}

// forgetRecent lets go of what memory has of the events, whose numbers will be those of others.
func (a *Archive) forgetRecent() {
	a.recent.add(nil, true)
	a.ends.add(nil, true)
	a.starts.forget()
	a.numbers.Clear()
	a.index.upto.Store(0)
	a.index.newest.Store(0)
}

// erase empties the tables whole. That is done without looking at one row, so nobody asks whether another table refers to
// it; and pages that are free are not overwritten, which would write as much again as there was: the file is made anew
// without them.
func (w *writer) erase(words bool, done func()) error {
	if err := w.outside("PRAGMA foreign_keys=OFF", "PRAGMA secure_delete=FAST"); err != nil {
		return err
	}
	defer w.outside("PRAGMA foreign_keys=ON", "PRAGMA secure_delete=ON") //nolint:errcheck // they cannot fail where the others did not
	err := w.transaction(true, func() error {
		for _, table := range erased {
			if err := w.exec("DELETE FROM " + table); err != nil {
				return err
			}
		}
		if !words {
			return nil
		}
		return w.exec("INSERT INTO words (words) VALUES ('delete-all')")
	}, done)
	if err != nil {
		return err
	}
	return w.outside("VACUUM")
}

// outside runs statements that no transaction can hold.
func (w *writer) outside(texts ...string) error {
	w.lock()
	defer w.unlock()
	for _, text := range texts {
		if err := w.exec(text); err != nil {
			return err
		}
	}
	return nil
}
