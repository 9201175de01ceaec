package history

import (
	"context"
	"fmt"
	"time"
)

// Draft is what somebody has typed and not sent.
type Draft struct {
	Place   string // where it was typed; a room or a person, in any form that the caller likes
	Text    string
	Changed time.Time
}

// SaveDraft keeps what is being typed in a place; an empty text is forgotten. It is there after
// the program was killed, and costs no wait for the disk, so it may be called at each pause of typing.
func (a *Archive) SaveDraft(place, text string) error {
	key := a.box.hashed([]byte(place))
	err := a.write.transaction(false, func() error {
		if text == "" {
			return a.write.exec("DELETE FROM drafts WHERE key = ?", key)
		}
		return a.write.exec("INSERT OR REPLACE INTO drafts VALUES (?, ?, ?, ?)", key, a.box.seal(sealedPlace, key, []byte(place)),
			a.box.seal(sealedDraft, key, []byte(text)), a.options.Clock().UnixMilli())
	}, nil)
	if err != nil {
		return fmt.Errorf("save draft: %w", err)
	}
	a.ink.wrote(1, false)
	return nil
}

// Drafts returns all drafts, the oldest first.
func (a *Archive) Drafts(ctx context.Context) ([]Draft, error) {
	var all []Draft
	err := a.read.rows(ctx, "SELECT key, place, text, changed FROM drafts ORDER BY changed, key", nil, func(scan func(...any) error) error {
		var key, place, text []byte
		var changed int64
		if err := scan(&key, &place, &text, &changed); err != nil {
			return err
		}
		place, err := a.box.open(sealedPlace, key, place)
		if err != nil {
			return err
		}
		text, err = a.box.open(sealedDraft, key, text)
		all = append(all, Draft{string(place), string(text), time.UnixMilli(changed)})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read drafts: %w", err)
	}
	return all, nil
}

// SaveSetting keeps a value under a name, which is not a secret; nil forgets it. It is on the disk
// when SaveSetting returns.
func (a *Archive) SaveSetting(name string, value []byte) error {
	return a.saveSetting(name, value, true)
}

// NoteSetting is SaveSetting for what comes back by itself: it survives the program, but does not wait for the disk.
func (a *Archive) NoteSetting(name string, value []byte) error {
	return a.saveSetting(name, value, false)
}

func (a *Archive) saveSetting(name string, value []byte, full bool) error {
	err := a.write.transaction(full, func() error {
		if value == nil {
			return a.write.exec("DELETE FROM settings WHERE name = ?", name)
		}
		return a.write.exec("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, a.box.seal(sealedSetting, []byte(name), value))
	}, nil)
	if err != nil {
		return fmt.Errorf("save setting %s: %w", name, err)
	}
	a.ink.wrote(1, false)
	return nil
}

// Setting returns the value under a name, nil if there is none.
func (a *Archive) Setting(ctx context.Context, name string) ([]byte, error) {
	var sealed []byte
	found, err := a.read.row(ctx, "SELECT value FROM settings WHERE name = ?", []any{name}, &sealed)
	if found && err == nil {
		sealed, err = a.box.open(sealedSetting, []byte(name), sealed)
	}
	if err != nil {
		return nil, fmt.Errorf("read setting %s: %w", name, err)
	}
	return sealed, nil
}
