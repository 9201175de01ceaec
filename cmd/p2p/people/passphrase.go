package people

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/history"
)

// historyPath returns where the history of a profile is: all that a passphrase covers, but for what programs seal (seal).
func historyPath(dir string) string { return filepath.Join(dir, "history") }

// HasHistory reports whether somebody has used the profile in dir.
func HasHistory(dir string) bool {
	_, err := os.Stat(historyPath(dir))
	return err == nil
}

// Encrypted reports whether the profile in dir has a passphrase. Errors: history.ErrBusy while a node runs; fs.ErrNotExist when
// nobody has used the profile.
func Encrypted(dir string) (bool, error) {
	path := historyPath(dir)
	if _, err := os.Stat(path); err != nil {
		return false, fmt.Errorf("open profile: %w", err)
	}
	a, err := history.Open(path, history.Options{Read: chat.Summarize})
	if errors.Is(err, history.ErrPassphrase) {
		return true, nil
	}
	if err == nil {
		err = a.Close()
	}
	if err != nil {
		return false, fmt.Errorf("open profile: %w", err)
	}
	return false, nil
}

// Passphrase is what Change does to the one of a profile.
type Passphrase struct {
	// From is the one that it has, To the one that it gets; empty = none.
	From, To []byte
	// Programs is told the key with which programs may have sealed what they keep in files of their own, beside the history, and
	// the one with which they are to seal it; nil = it is not sealed.
	Programs func(was, is []byte) error
	// Progress is that of history.Conversion.
	Progress func(done, total int64)
}

// Change encrypts the profile in dir, gives it another passphrase, or takes it away. No node may run. Whoever kills it finds all
// of the history as it was or as it is to be; what programs keep is done when the same Change is called again, or when they
// are started. Errors: those of history.Convert.
func (p *Passphrase) Change(ctx context.Context, dir string) error {
	err := p.change(ctx, historyPath(dir))
	if err == nil {
		err = p.hand(ctx, historyPath(dir))
	}
	if err != nil {
		return fmt.Errorf("change passphrase: %w", err)
	}
	return nil
}

// change is Change for the history.
func (p *Passphrase) change(ctx context.Context, path string) error {
	switch from, to := len(p.From) > 0, len(p.To) > 0; {
	case from != to:
		return history.Convert(ctx, path, history.Conversion{
			From: p.From, To: p.To, Without: []string{birthSetting}, Read: chat.Summarize, Progress: p.Progress,
		})
	case !from:
		return nil
	}
	a, err := history.Open(path, history.Options{Read: chat.Summarize, Passphrase: p.From})
	if err != nil {
		return err
	}
	return errors.Join(a.ChangePassphrase(p.From, p.To), a.Close())
}

// hand is Change for what programs keep.
func (p *Passphrase) hand(ctx context.Context, path string) error {
	a, err := history.Open(path, history.Options{Read: chat.Summarize, Passphrase: p.To})
	if err != nil {
		return err
	}
	var key []byte
	if len(p.To) > 0 {
		if key, err = sealKey(ctx, a); err == nil {
			err = p.Programs(key, key)
		}
		return errors.Join(err, a.Close())
	}
	if key, err = a.Setting(ctx, sealSetting); err == nil && key != nil {
		if err = p.Programs(key, nil); err == nil {
			err = a.SaveSetting(sealSetting, nil) // it has lain open
		}
	}
	return errors.Join(err, a.Close())
}
