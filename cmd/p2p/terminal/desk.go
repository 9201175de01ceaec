package terminal

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"p2p/cmd/p2p/api"
)

// desk is where one running terminal lays what was typed in it and not sent: a number in the folder "drafts" of the profile, and a lock
// that the system gives up when the program dies, however it dies, and not while it is suspended. What lies on a desk that nobody holds is
// anybody's: a terminal takes a sheet over by renaming its file, so that it is on one desk at any moment, also on a disk that is full.
//
// Writing is the work of run, and nobody waits for a disk that stalls. The methods of a nil desk do nothing.
type desk struct {
	dir string

	mu   sync.Mutex // held while files are read and written
	lock *flock.Flock
	name string          // of the desk
	laid map[string]lain // sheets by name
	news bool            // what the node has told is to be noted yet

	queue   sync.Mutex // of what follows
	next    *unsent    // to be laid; a later one takes its place
	done    chan struct{}
	waiting chan struct{} // holds one while there is something to be laid; closed at the end
}

// lain is a sheet that lies on a desk, or was to.
type lain struct {
	conversation string
	as           string // what is in the file; empty for one that was taken over and not laid since, or could not be laid
}

const (
	draftsName  = "drafts"
	sheetEnd    = ".json"
	lockEnd     = ".lock"
	nobodysDesk = "0"
	openName    = "open" // a file which says that there is no passphrase any more, to terminals that do not know yet
	keyName     = "key"  // a file which says by its print which key there is, to those that have another one
	maxDesks    = 1 << 10
	maxSheet    = 16 << 20 // bytes of a file that is read
)

// newDesk returns the desk of a terminal of the profile in a folder; nil without one. It takes a place with the first sheet.
func newDesk(profile string) *desk {
	if profile == "" {
		return nil
	}
	return &desk{dir: filepath.Join(profile, draftsName), laid: map[string]lain{}, waiting: make(chan struct{}, 1)}
}

// sit takes the first desk that is free, and on which nothing lies: what does stays anybody's. The caller holds mu.
func (d *desk) sit() error {
	if d.lock != nil {
		return nil
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	for n := range maxDesks {
		name := fmt.Sprint(n + 1)
		l, err := d.lockOf(name)
		if err != nil {
			return err
		}
		if l == nil {
			continue
		}
		desks, err := sheetsIn(d.dir)
		if err == nil && len(desks[name]) == 0 {
			d.lock, d.name = l, name
			return nil
		}
		if l.Unlock(); err != nil {
			return err
		}
	}
	return errors.New("too many terminals")
}

// lockOf returns the lock of a desk, nil while somebody sits there. The file stays, since removing it could take it away from under
// somebody who has just opened it.
func (d *desk) lockOf(name string) (*flock.Flock, error) {
	l := flock.New(filepath.Join(d.dir, name+lockEnd), flock.SetPermissions(0o600))
	if free, err := l.TryLock(); err != nil || !free {
		return nil, err
	}
	return l, nil
}

func sheetPath(dir, desk, sheet string) string { return filepath.Join(dir, desk+"-"+sheet+sheetEnd) }

// lay has the sheets of u lie here as they are, and those that are empty no more.
func (d *desk) lay(u unsent) error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var told error
	if d.news = d.news || u.told; d.news {
		told = d.told(u.seal)
		d.news = told != nil
	}
	errs, failed := []error{told}, map[string]bool{} // by conversation
	for _, sh := range u.sheets {                    // before any goes: what moves from one to another is on both rather than on none
		if sh.empty() {
			continue
		}
		err := told
		if err == nil {
			err = d.layOne(&sh, u.seal)
			errs = append(errs, err)
		}
		if err != nil {
			failed[sh.Conversation] = true
		}
	}
	return errors.Join(append(errs, d.clear(u.sheets, failed))...)
}

// layOne has a sheet lie here as it is. The caller holds mu.
func (d *desk) layOne(sh *sheet, seal []byte) error {
	plain, err := sh.encode(nil)
	if err != nil {
		return err
	}
	as := string(seal) + string(plain)
	if d.laid[sh.name].as == as {
		return nil
	}
	d.laid[sh.name] = lain{conversation: sh.Conversation}
	if err := d.put(sh, seal); err != nil {
		return err
	}
	d.laid[sh.name] = lain{sh.Conversation, as}
	return nil
}

// clear takes away the sheets that are empty, also on a disk that is full: what was sent must not stand in the input again. One stays
// while what was on it may be on one that could not be laid: that is of the same conversation, or one of the two is of none. The caller
// holds mu.
func (d *desk) clear(sheets []sheet, failed map[string]bool) error {
	var errs []error
	for _, sh := range sheets {
		l, here := d.laid[sh.name]
		if !here || !sh.empty() || failed[l.conversation] || failed[""] || l.conversation == "" && len(failed) > 0 {
			continue
		}
		if err := remove(sheetPath(d.dir, d.name, sh.name)); err != nil {
			errs = append(errs, err)
			continue
		}
		delete(d.laid, sh.name)
	}
	return errors.Join(errs...)
}

// told has all be laid anew with the key that the node has told just now: others may have resealed it. The caller holds mu.
func (d *desk) told(seal []byte) error {
	for name, l := range d.laid {
		d.laid[name] = lain{conversation: l.conversation}
	}
	if seal == nil {
		return remove(filepath.Join(d.dir, keyName))
	}
	return sealing(filepath.Dir(d.dir), seal)
}

// errOtherKey says that what is typed cannot be kept until the node has told its key: nobody could read it.
var errOtherKey = errors.New("the profile has another key")

// put writes a sheet, the whole or nothing. The caller holds mu.
func (d *desk) put(sh *sheet, seal []byte) error {
	if err := d.sit(); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(d.dir, openName)); err == nil { // nobody will have this key
		seal = nil
	}
	if is, err := os.ReadFile(filepath.Join(d.dir, keyName)); err == nil && seal != nil && string(is) != printOf(seal) {
		return errOtherKey
	}
	b, err := sh.encode(seal)
	if err != nil {
		return err
	}
	return api.Replace(sheetPath(d.dir, d.name, sh.name), b)
}

// lying is a sheet in its file.
type lying struct {
	sheet
	desk    string
	written time.Time
}

// take takes over what is sought of what lies on desks at which nobody sits.
func (d *desk) take(k seek) (t taken) {
	if d == nil {
		return t
	}
	t.seek = k
	d.mu.Lock()
	defer d.mu.Unlock()
	inherited := inherit(filepath.Dir(d.dir), k.seal)
	desks, err := sheetsIn(d.dir)
	if t.err = errors.Join(inherited, err); len(desks) == 0 || err != nil {
		return t
	}
	if err := d.sit(); err != nil {
		t.err = err
		return t
	}
	var found []lying
	for name, sheets := range desks {
		if name == d.name {
			continue
		}
		l, err := d.lockOf(name)
		if l == nil || err != nil {
			continue
		}
		defer l.Unlock()
		sought, unreadable := d.sought(k, name, sheets)
		found, t.unreadable = append(found, sought...), t.unreadable+unreadable
	}
	slices.SortFunc(found, func(a, b lying) int { return cmp.Or(b.written.Compare(a.written), cmp.Compare(a.name, b.name)) })
	room := k.text
	for _, f := range found {
		if f.Conversation != "" && !f.outgoing() {
			if w := f.wording(); !room || k.plain && !w.isLine() {
				t.rest = append(t.rest, f.sheet)
				continue
			}
			room = false
		}
		if err := os.Rename(sheetPath(d.dir, f.desk, f.name), sheetPath(d.dir, d.name, f.name)); err != nil {
			t.err = errors.Join(t.err, err)
			continue
		}
		d.laid[f.name] = lain{conversation: f.Conversation}
		t.sheets = append(t.sheets, f.sheet)
	}
	return t
}

// sought returns what is sought of the sheets on a desk, and how many there cannot be read with the key.
func (d *desk) sought(k seek, desk string, names []string) (found []lying, unreadable int) {
	for _, name := range names {
		b, written, err := readSheet(sheetPath(d.dir, desk, name))
		if err != nil {
			continue
		}
		sh, ok := decodeSheet(b, k.seal)
		switch {
		case !ok:
			unreadable++
		case k.wants(&sh):
			sh.name = name
			found = append(found, lying{sh, desk, written})
		}
	}
	return found, unreadable
}

// readSheet returns a file, and when it was written.
func readSheet(path string) ([]byte, time.Time, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSheet))
	return b, info.ModTime(), err
}

// sheetsIn returns the names of the sheets in a folder by the desks on which they lie. A folder that is not there has none.
func sheetsIn(dir string) (map[string][]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	desks := map[string][]string{}
	for _, f := range files {
		whole, is := strings.CutSuffix(f.Name(), sheetEnd)
		if desk, sheet, both := strings.Cut(whole, "-"); is && both && desk != "" { // else it is half of one (api.Replace)
			desks[desk] = append(desks[desk], sheet)
		}
	}
	return desks, nil
}

// later has u laid by run.
func (d *desk) later(u unsent) {
	if d == nil {
		return
	}
	d.queue.Lock()
	defer d.queue.Unlock()
	if d.next != nil {
		u.told = u.told || d.next.told
	} else {
		d.done = make(chan struct{})
		d.waiting <- struct{}{}
	}
	d.next = &u
}

// run lays what it is given until the desk is left, and tells errors.
func (d *desk) run(tell func(error)) {
	if d == nil {
		return
	}
	for range d.waiting {
		d.queue.Lock()
		u, done := *d.next, d.done
		d.next = nil
		d.queue.Unlock()
		if err := d.lay(u); err != nil {
			tell(err)
		}
		close(done)
	}
}

// settle waits until what was given before lies here, but no longer than a time, and reports whether it does.
func (d *desk) settle(limit time.Duration) bool {
	if d == nil {
		return true
	}
	d.queue.Lock()
	done := d.done
	d.queue.Unlock()
	if done == nil {
		return true
	}
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}

// leave ends run when all lies here, which then is anybody's. Nothing is given any more. A disk that stalls is not waited for: the system
// takes the lock back.
func (d *desk) leave() {
	if d == nil {
		return
	}
	settled := d.settle(leaveTime)
	close(d.waiting)
	if settled {
		d.getUp()
	}
}

// getUp gives the desk to the next one.
func (d *desk) getUp() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock != nil {
		d.lock.Unlock()
		d.lock = nil
	}
}

// opened notes that the sheets of a profile that had a passphrase lie open now.
func opened(profile string) error {
	dir := filepath.Join(profile, draftsName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, openName), nil, 0o600), remove(filepath.Join(dir, keyName)))
}

// sealing notes with which key the sheets of a profile are sealed now: a terminal that has stayed open since there was another one would lay
// what nobody can read over what was sealed rightly.
func sealing(profile string, key []byte) error {
	dir := filepath.Join(profile, draftsName)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	path, is := filepath.Join(dir, keyName), printOf(key)
	if was, err := os.ReadFile(path); err != nil || string(was) != is {
		if err := api.Replace(path, []byte(is)); err != nil {
			return err
		}
	}
	return remove(filepath.Join(dir, openName))
}

// printOf returns by what a key is known from others, to those who have it.
func printOf(key []byte) string {
	h := hmac.New(sha256.New, key)
	h.Write(printPurpose)
	return hex.EncodeToString(h.Sum(nil))
}

// remove takes away a file that need not be there.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// eachSheet has do change the file of every sheet of a profile, whoever sits there.
func eachSheet(profile string, do func(path string) error) error {
	dir := filepath.Join(profile, draftsName)
	desks, err := sheetsIn(dir)
	for desk, sheets := range desks {
		for _, sheet := range sheets {
			err = errors.Join(err, do(sheetPath(dir, desk, sheet)))
		}
	}
	return err
}
