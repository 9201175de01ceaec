package people

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/identity"
)

// Whoever signs two events with one number is taken for a liar by all, and what his device wrote from there on is withdrawn
// (room/fork.go). A profile that was set back to a backup, or was copied and runs twice, would do that, and its person would
// lose what he had said meanwhile. So how far a device has come, and where, is noted outside of its profile; one that does not
// fit that note, or is in another file than it was (birth), goes on as another device of the account, which has said nothing yet.

// mark is that note.
type mark struct {
	Dir     string `json:"dir"`     // of the profile
	Written int64  `json:"written"` // how many events of the device are in its history
}

// machineSetting is the name under which a profile keeps on which machine it was.
const machineSetting = "machine"

// markPath returns the file of the note of a device. Its name does not tell which one it is.
func markPath(folder string, device identity.Key) string {
	sum := sha256.Sum256(append([]byte("p2p mark\x00"), device[:]...))
	return filepath.Join(folder, hex.EncodeToString(sum[:12])+".json")
}

// machine names this machine, for this program alone, and is empty where nothing does.
func machine() string {
	id := machineID()
	if id == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("p2p machine\x00" + id))
	return hex.EncodeToString(sum[:12])
}

// strayed returns why a device must not go on in this profile, as a reason of package api; "" when it may.
func (n *Node) strayed(ctx context.Context, device identity.Key) (why string, err error) {
	if n.opt.Marks == "" {
		return "", nil
	}
	was, err := n.archive.Setting(ctx, machineSetting)
	if err != nil {
		return "", err
	}
	if here := machine(); here != "" && len(was) > 0 && string(was) != here {
		return api.ProfileCopied, nil
	}
	why, err = n.unlikeMark(ctx, device)
	if err != nil || why != "" {
		return why, err
	}
	copied, err := n.copied(ctx)
	if copied {
		why = api.ProfileSetBack
	}
	return why, err
}

// unlikeMark is strayed, as far as the mark tells.
func (n *Node) unlikeMark(ctx context.Context, device identity.Key) (why string, err error) {
	b, err := os.ReadFile(markPath(n.opt.Marks, device))
	var m mark
	if errors.Is(err, fs.ErrNotExist) || err == nil && json.Unmarshal(b, &m) != nil {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	written, err := n.archive.Written(ctx, device)
	switch {
	case err != nil:
		return "", err
	case written < m.Written:
		return api.ProfileSetBack, nil
	case another(historyPath(m.Dir), historyPath(n.opt.Dir)): // it was not moved
		return api.ProfileCopied, nil
	}
	return "", nil
}

// ErrEmptied is a history that had a device in it, and is a file with nothing in it now.
var ErrEmptied = errors.New("the history of this profile was emptied")

// emptied reports whether the profile in dir has an empty file for a history where a note says that it had a device: a copy has failed,
// or the power. SQLite would begin it anew, with nobody in it and without a passphrase. A first start that was killed leaves no note.
func emptied(dir, marks string) bool {
	st, err := os.Stat(historyPath(dir))
	if err != nil || st.Size() > 0 {
		return false
	}
	if wal, err := os.Stat(historyPath(dir) + "-wal"); err == nil && wal.Size() > 0 { // all of it is there still
		return false
	}
	notes, _ := filepath.Glob(filepath.Join(marks, "*.json")) // a folder that cannot be a pattern has none
	for _, note := range notes {
		var m mark
		if b, err := os.ReadFile(note); err == nil && json.Unmarshal(b, &m) == nil && m.Dir == dir {
			return true
		}
	}
	return false
}

// another reports whether there is a file at path, and it is not the one at here.
func another(path, here string) bool {
	a, err := os.Stat(path)
	if err != nil {
		return false
	}
	b, err := os.Stat(here)
	return err == nil && !os.SameFile(a, b)
}

// leaveMark notes how far the device has come. That a moment is missing when the machine fails does no harm: no backup is
// that young. The caller holds changing.
func (n *Node) leaveMark(ctx context.Context) {
	n.mu.Lock()
	s, noted := n.self, n.noted
	n.mu.Unlock()
	if n.opt.Marks == "" || s == nil {
		return
	}
	written, err := n.archive.Written(ctx, s.deviceKey())
	if err != nil || written == noted {
		return
	}
	if noted == 0 {
		n.noteMachine(ctx)
	}
	b, err := json.Marshal(mark{Dir: n.opt.Dir, Written: written})
	if err == nil {
		err = os.MkdirAll(n.opt.Marks, 0o700)
	}
	if err == nil {
		err = api.Replace(markPath(n.opt.Marks, s.deviceKey()), b)
	}
	if n.lost("mark", err); err == nil {
		n.mu.Lock()
		n.noted = written
		n.mu.Unlock()
	}
}

// noteMachine keeps in the profile on which machine it is, and in which file.
func (n *Node) noteMachine(ctx context.Context) {
	if here := machine(); here != "" {
		n.lost("machine", n.archive.NoteSetting(machineSetting, []byte(here)))
	}
	n.noteBirth(ctx)
}

// unmark takes the note of a device away, which is no more, and what was said of the one before it.
func (n *Node) unmark(s *self) {
	n.mu.Lock()
	n.renewed = ""
	n.mu.Unlock()
	if n.opt.Marks == "" || s == nil {
		return
	}
	if err := os.Remove(markPath(n.opt.Marks, s.deviceKey())); !errors.Is(err, fs.ErrNotExist) {
		n.lost("mark", err)
	}
}

// renew returns the person of s on a device that has said nothing yet, in this profile; programs are told why.
func (n *Node) renew(s *self, why string) (*self, error) {
	device, err := identity.NewSecret(randomness)
	if err != nil {
		return nil, err
	}
	next, err := newSelf(s.account, device, s.certificate.Name(s.account), time.Now())
	if err != nil {
		return nil, err
	}
	next.own, next.name, next.directory, next.loggedOut, next.card = s.own, s.name, s.directory, s.loggedOut, s.card
	if err := errors.Join(n.noteFormer(s.deviceKey()), next.save(n.archive)); err != nil {
		return nil, err
	}
	n.noteMachine(n.ctx)
	n.mu.Lock()
	n.renewed = why
	n.mu.Unlock()
	n.log.Warn("goes on as another device", zap.String("why", why), zap.Stringer("was", s.deviceKey()), zap.Stringer("is", next.deviceKey()))
	return next, nil
}

// contradicted has the person go on as another device when this one is known to have signed two histories in a room: nothing that it
// writes there counts any more.
func (n *Node) contradicted(c *conversation) {
	s, err := n.me()
	if err != nil || !c.talk.Lies(s.deviceKey()) {
		return
	}
	n.group.Go(func() {
		n.changing.Lock()
		defer n.changing.Unlock()
		if now, err := n.me(); err != nil || now.deviceKey() != s.deviceKey() || n.ctx.Err() != nil {
			return
		}
		n.unheard(n.ctx, c, s.deviceKey())
		next, err := n.renew(s, api.DeviceContradicted)
		if err == nil {
			if err := n.end(n.ctx); err != nil {
				n.log.Warn("while becoming another device", zap.Error(err))
			}
			err = n.begin(n.ctx, next)
		}
		if err != nil {
			n.log.Error("cannot go on as another device", zap.Error(err))
			return
		}
		if a := n.renewal(); a != nil {
			n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: a}})
		}
	})
}

// renewal is the alert that says why this is another device than before, nil if it is not.
func (n *Node) renewal() *p2pv1.Alert {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.renewed == "" {
		return nil
	}
	return &p2pv1.Alert{Kind: p2pv1.Alert_KIND_DEVICE_RENEWED, Reason: api.Problem(n.renewed)}
}
