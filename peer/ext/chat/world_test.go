package chat_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/exttest"
	"p2p/peer/identity"
	"p2p/piece"
)

// world is devices with Talks, and connections between them that a test makes and cuts. The test's goroutine is
// the one of all torrents. It lives in a bubble of synctest.
type world struct {
	t       testing.TB
	rng     *rand.Rand
	devices []*device
	links   []*end // both ends of each connection, one after the other
	next    piece.PeerKey
	hears   func(to *device, payload string) // nil for nobody
	// alters has what is on its way to somebody become something else, or be lost, when it is empty; nil for nothing.
	alters func(to *device, payload string) string

	nearby sync.Mutex
	near   map[[2]identity.Key]int // connections between a device and an account
}

// meets is the chat.Options.Meets of all.
func (w *world) meets(device, account identity.Key) bool {
	w.nearby.Lock()
	defer w.nearby.Unlock()
	return w.near[[2]identity.Key{device, account}] > 0
}

// nears counts connections between a device and the account of another.
func (w *world) nears(a, b *device, n int) {
	w.nearby.Lock()
	defer w.nearby.Unlock()
	w.near[[2]identity.Key{a.secret.Key(), b.account.Key()}] += n
}

// device is one of a person, with its archive on disk.
type device struct {
	w       *world
	name    string
	account identity.Secret
	secret  identity.Secret
	path    string
	skew    time.Duration // of its clock
	archive *history.Archive
	talk    *chat.Talk
	loop    *exttest.Loop
	swarm   ext.Instance

	mu    sync.Mutex
	told  []chat.Change
	said  []chat.Said
	shuns func(identity.Key) bool // nil for nobody
}

// end is one side of a connection.
type end struct {
	exttest.Peer
	at      *device
	other   *end
	handler ext.Handler
	lose    bool // what is sent here is lost
}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 3)), near: map[[2]identity.Key]int{}}
	t.Cleanup(func() {
		for _, d := range w.devices {
			d.close()
		}
	})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) secret() identity.Secret {
	b := make([]byte, identity.SeedSize)
	for i := range b {
		b[i] = byte(w.rng.Uint32())
	}
	s, err := identity.SecretOf(b)
	w.must(err)
	return s
}

// person makes a person with one device.
func (w *world) person(name string) *device { return w.device(name, w.secret()) }

// device makes one more device of an account.
func (w *world) device(name string, account identity.Secret) *device {
	d := &device{w: w, name: name, account: account, secret: w.secret(), path: filepath.Join(w.t.TempDir(), "history")}
	w.devices = append(w.devices, d)
	d.openArchive()
	return d
}

func (d *device) openArchive() {
	var err error
	d.archive, err = history.Open(d.path, history.Options{Account: d.account.Key(), Device: d.secret.Key(), Read: chat.Summarize})
	d.w.must(err)
}

func (d *device) certificate() identity.Certificate {
	c, err := identity.Certify(d.account, d.secret.Key(), d.name, time.Unix(1_700_000_000, 0), false)
	d.w.must(err)
	return c
}

func (d *device) options() chat.Options {
	return chat.Options{
		Device: d.secret, Account: d.account.Key(), Clock: func() time.Time { return time.Now().Add(d.skew) },
		Owner: func(key identity.Key) identity.Key {
			for _, o := range d.w.devices {
				if o.secret.Key() == key {
					return o.account.Key()
				}
			}
			return identity.Key{}
		},
		Meets: d.w.meets,
		Shuns: d.shuns,
		Tell: func(c chat.Change) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.told = append(d.told, c)
		},
		Said: func(s chat.Said) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.said = append(d.said, s)
		},
	}
}

// create makes a room.
func (d *device) create(o room.Options) room.ID {
	if o.Limit == 0 {
		o.Limit = 100
	}
	t, err := chat.Create(context.Background(), d.archive, d.options(), room.Birth{Certificate: d.certificate(), Options: o})
	d.w.must(err)
	d.run(t)
	return t.ID()
}

// open opens a room.
func (d *device) open(id room.ID) {
	t, err := chat.Open(context.Background(), d.archive, id, d.options())
	d.w.must(err)
	d.run(t)
}

func (d *device) run(t *chat.Talk) {
	d.talk, d.loop = t, &exttest.Loop{}
	d.swarm = t.Extension().Open(ext.Torrent{Room: true, Do: d.loop.Do})
}

// close ends what runs.
func (d *device) close() {
	if d.talk != nil {
		d.talk.Close()
		d.talk = nil
	}
	if d.archive != nil {
		d.w.must(d.archive.Close())
		d.archive = nil
	}
}

// restart is a crash, and a new start some time later: connections break, and nobody says goodbye.
func (d *device) restart(id room.ID) {
	for _, o := range d.w.devices {
		d.w.cut(d, o)
	}
	d.close()
	d.openArchive()
	d.open(id)
}

// connect connects two devices that are not.
func (w *world) connect(a, b *device) {
	if a == b || w.link(a, b) != nil {
		return
	}
	x, y := &end{at: a}, &end{at: b}
	for i, e := range []*end{x, y} {
		w.next++
		e.Number, e.From, e.other = w.next, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(w.next)}), 1), []*end{y, x}[i]
		e.Who = e.other.at.secret.Key()
	}
	x.handler = a.swarm.Attach(time.Now(), x)
	y.handler = b.swarm.Attach(time.Now(), y)
	w.links = append(w.links, x, y)
	w.nears(a, b, 1)
	w.nears(b, a, 1)
}

// link returns a's end of the connection with b.
func (w *world) link(a, b *device) *end {
	for _, e := range w.links {
		if e.at == a && e.other.at == b {
			return e
		}
	}
	return nil
}

// cut ends a connection; what is on its way is lost.
func (w *world) cut(a, b *device) {
	e := w.link(a, b)
	if e == nil {
		return
	}
	w.links = slices.DeleteFunc(w.links, func(o *end) bool { return o == e || o == e.other })
	w.nears(a, b, -1)
	w.nears(b, a, -1)
	e.handler.Detach()
	e.other.handler.Detach()
}

// settle lets all happen that happens without the passing of time.
func (w *world) settle() {
	for moved := true; moved; {
		synctest.Wait()
		moved = false
		for _, d := range w.devices {
			if d.loop != nil && d.loop.Run(time.Now()) > 0 {
				moved = true
			}
		}
		for _, e := range slices.Clone(w.links) {
			moved = w.deliver(e) || moved
		}
	}
}

// deliver brings what an end has sent to the other.
func (w *world) deliver(e *end) (moved bool) {
	for _, payload := range e.Take() {
		moved = true
		if w.hears != nil {
			w.hears(e.other.at, payload)
		}
		if w.alters != nil {
			payload = w.alters(e.other.at, payload)
		}
		if e.lose || payload == "" {
			continue
		}
		if w.link(e.at, e.other.at) != e {
			return true
		}
		if e.other.handler.Handle(time.Now(), []byte(payload)) != nil {
			w.cut(e.at, e.other.at)
			return true
		}
	}
	if e.Closed != nil && w.link(e.at, e.other.at) == e {
		w.cut(e.at, e.other.at)
		return true
	}
	return moved
}

// pass lets time pass.
func (w *world) pass(d time.Duration) {
	for until := time.Now().Add(d); time.Now().Before(until); {
		time.Sleep(min(ext.TickEvery, time.Until(until)))
		for _, d := range w.devices {
			if t, ok := d.swarm.(ext.Ticker); ok {
				t.Tick(time.Now())
			}
		}
		w.settle()
	}
}

// invite makes b a member, who joins.
func (a *device) invite(b *device) {
	a.w.t.Helper()
	ctx := context.Background()
	_, err := a.talk.Change(ctx, room.Change{Op: room.Add, Account: b.account.Key(), Role: room.Member})
	a.w.must(err)
	if b.talk == nil {
		b.open(a.talk.ID())
	}
	a.w.connect(a, b)
	a.w.settle()
	a.w.must(b.talk.Join(ctx, b.certificate()))
	if !b.talk.Joined() {
		a.w.t.Errorf("%s has joined, and may not write yet", b.name)
	}
	a.w.settle()
}

// say writes a text.
func (d *device) say(format string, args ...any) room.Event {
	d.w.t.Helper()
	e, err := d.trySay(format, args...)
	d.w.must(err)
	return e
}

func (d *device) trySay(format string, args ...any) (room.Event, error) {
	text := body.Text{Text: fmt.Sprintf(format, args...)}
	return d.talk.Write(context.Background(), body.KindText, text.AppendTo(nil))
}

// lines returns what is shown, with "-" for what was withheld.
func (d *device) lines() string {
	d.w.t.Helper()
	entries, err := d.archive.Before(context.Background(), d.talk.ID(), history.End, 1000)
	d.w.must(err)
	var texts []string
	for _, e := range entries {
		if e.Event.Kind < room.Content {
			continue
		}
		text, err := body.ParseText(e.Body)
		if err != nil {
			text.Text = "-"
		}
		texts = append(texts, text.Text)
	}
	return strings.Join(texts, " ")
}

// heard returns what was said since the last call.
func (d *device) heard() []chat.Said {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.said
	d.said = nil
	return all
}

// took returns what was told since the last call, in one.
func (d *device) took() (sum chat.Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.told {
		sum.Added = append(sum.Added, c.Added...)
		sum.Filled = append(sum.Filled, c.Filled...)
		sum.Undone = append(sum.Undone, c.Undone...)
		sum.Proofs = append(sum.Proofs, c.Proofs...)
		sum.Read = append(sum.Read, c.Read...)
		sum.Typing = append(sum.Typing, c.Typing...)
		sum.Delivered = append(sum.Delivered, c.Delivered...)
		sum.Joined = append(sum.Joined, c.Joined...)
		sum.Left = append(sum.Left, c.Left...)
		sum.Recount = sum.Recount || c.Recount
		sum.Recovered = sum.Recovered || c.Recovered
		sum.Trouble = errors.Join(sum.Trouble, c.Trouble)
	}
	d.told = nil
	return sum
}
