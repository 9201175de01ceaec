package ext_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/peer/wire"
	"p2p/piece"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// recorder is an extension that notes what happens to it.
type recorder struct {
	name    string
	torrent ext.Torrent
	absent  bool // has no place on the torrent
	err     error
	log     []string
	peers   []ext.Peer
	size    int64
}

func (r *recorder) Name() string { return r.name }
func (r *recorder) Open(t ext.Torrent) ext.Instance {
	r.torrent = t
	if r.absent {
		return nil
	}
	return r
}
func (r *recorder) Tick(time.Time)             { r.log = append(r.log, "tick") }
func (r *recorder) Greet(h *wire.ExtHandshake) { h.MetadataSize = max(h.MetadataSize, r.size) }
func (r *recorder) Attach(_ time.Time, p ext.Peer) ext.Handler {
	r.peers = append(r.peers, p)
	r.log = append(r.log, fmt.Sprint("attach ", p.Key()))
	return ear{r, p}
}

func (r *recorder) took() string {
	s := strings.Join(r.log, ", ")
	r.log = nil
	return s
}

type ear struct {
	*recorder
	peer ext.Peer
}

func (e ear) Handle(_ time.Time, payload []byte) error {
	e.log = append(e.log, fmt.Sprintf("%d says %s", e.peer.Key(), payload))
	return e.err
}
func (e ear) Detach() { e.log = append(e.log, fmt.Sprint("detach ", e.peer.Key())) }

// rig is a registry whose connections a test plays by hand.
type rig struct {
	*ext.Registry
	t      *testing.T
	sent   []string
	closed []error
	full   bool
	seed   bool
}

func newRig(t *testing.T, list ...ext.Extension) *rig {
	return &rig{t: t, Registry: ext.NewRegistry(ext.Torrent{}, list)}
}

func (r *rig) joins(key piece.PeerKey, dialled bool) { r.joinsAs(key, dialled, identity.Key{}) }

// joinsAs is joins for a device.
func (r *rig) joinsAs(key piece.PeerKey, dialled bool, device identity.Key) {
	r.Join(ext.Conn{
		Key: key, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(key)}), 50000), Dialled: dialled, Device: device,
		Seed: func() bool { return r.seed },
		Send: func(c ext.Class, id uint8, payload []byte) bool {
			r.sent = append(r.sent, fmt.Sprintf("class %d id %d: %s", c, id, payload))
			return !r.full
		},
		Close: func(why error) { r.closed = append(r.closed, why) },
	})
}

func (r *rig) hears(key piece.PeerKey, id uint8, payload string) error {
	r.t.Helper()
	return r.Handle(noon, key, id, []byte(payload))
}

func (r *rig) must(key piece.PeerKey, id uint8, payload string) {
	r.t.Helper()
	if err := r.hears(key, id, payload); err != nil {
		r.t.Fatal(err)
	}
}

func expect(t *testing.T, r *recorder, want string) {
	t.Helper()
	if got := r.took(); got != want {
		t.Errorf("%s: %q, want %q", r.name, got, want)
	}
}

// BEP 10: "The only requirement on these IDs is that no extension message share
// the same one."
func TestTheHandshakeNamesEachExtensionOnce(t *testing.T) {
	a, b, c := &recorder{name: "a"}, &recorder{name: "b", absent: true}, &recorder{name: "c", size: 7}
	r := newRig(t, a, b, c)
	h := wire.ExtHandshake{Client: "x"}
	r.Greet(&h, identity.Key{})
	if len(h.M) != 2 || h.M["a"] == 0 || h.M["c"] == 0 || h.M["a"] == h.M["c"] || h.MetadataSize != 7 || h.Client != "x" {
		t.Errorf("greeting %+v", h)
	}
}

func TestAMessageReachesTheExtensionThatItIsFor(t *testing.T) {
	a, b := &recorder{name: "a"}, &recorder{name: "b"}
	r := newRig(t, a, b)
	r.joins(1, true)
	r.must(1, 0, "d1:md1:ai9e1:bi8e1:ci7eee")
	r.must(1, 1, "hello")
	r.must(1, 2, "there")
	expect(t, a, "attach 1, 1 says hello")
	expect(t, b, "attach 1, 1 says there")
}

func TestWhatIsNotForUsMeansNothing(t *testing.T) {
	a := &recorder{name: "a"}
	r := newRig(t, a)
	r.joins(1, true)
	r.must(1, 1, "before the handshake")
	r.must(1, 0, "d1:md1:bi1eee")
	r.must(1, 1, "not named")
	r.must(1, 0, "d1:md1:ai1eee")
	for id := 2; id < 256; id++ {
		r.must(1, uint8(id), "no such id")
	}
	r.must(9, 1, "nobody")
	expect(t, a, "attach 1")
}

// BEP 10: "The extension IDs must be stored for every peer, becuase every peer may
// have different IDs for the same extension."
func TestEachPeerIsSentTheIDThatItChose(t *testing.T) {
	a := &recorder{name: "a"}
	r := newRig(t, a)
	r.joins(1, true)
	r.joins(2, true)
	r.must(1, 0, "d1:md1:ai77eee")
	r.must(2, 0, "d1:md1:ai255eee")
	a.peers[0].Send(ext.Chat, []byte("x"))
	a.peers[1].Send(ext.Bulk, []byte("y"))
	if want := []string{"class 1 id 77: x", "class 4 id 255: y"}; !slices.Equal(r.sent, want) {
		t.Errorf("sent %q, want %q", r.sent, want)
	}
}

// BEP 10: "Setting an extension number to zero means that the extension is not
// supported/disabled." "Subsequent handshake messages can be used to
// enable/disable extensions [...] the m dictionary is additive."
func TestAnExtensionCanBeTurnedOffAndOnAgain(t *testing.T) {
	a, b := &recorder{name: "a"}, &recorder{name: "b"}
	r := newRig(t, a, b)
	r.joins(1, true)
	r.must(1, 0, "d1:md1:ai0e1:bi3eee") // a is off
	expect(t, a, "")
	r.must(1, 0, "d1:md1:ai5eee")
	p := a.peers[0]
	if !p.Send(ext.Chat, nil) || !b.peers[0].Send(ext.Chat, nil) {
		t.Error("not sent")
	}
	r.must(1, 0, "d1:md1:ai0eee")
	if p.Send(ext.Chat, nil) {
		t.Error("sent to a peer that has turned it off")
	}
	r.must(1, 0, "d1:md1:ai6eee")
	p.Send(ext.Chat, nil)
	if want := []string{"class 1 id 5: ", "class 1 id 3: ", "class 1 id 6: "}; !slices.Equal(r.sent, want) {
		t.Errorf("sent %q, want %q", r.sent, want)
	}
	expect(t, a, "attach 1") // once: it kept its Handler, and with it all limits
}

func TestAnErrorOfAHandlerNamesTheExtension(t *testing.T) {
	broken := errors.New("broken rule")
	a := &recorder{name: "ut_a", err: broken}
	r := newRig(t, a)
	r.joins(1, true)
	r.must(1, 0, "d1:md4:ut_ai5eee")
	if err := r.hears(1, 1, "x"); !errors.Is(err, broken) || !strings.Contains(err.Error(), "ut_a") {
		t.Errorf("%v", err)
	}
	if err := r.hears(1, 0, "nonsense"); !errors.Is(err, wire.ErrExtHandshake) {
		t.Errorf("%v", err)
	}
}

func TestWhoLeavesIsDetachedOnceAndHearsNoMore(t *testing.T) {
	a, b := &recorder{name: "a"}, &recorder{name: "b"}
	r := newRig(t, a, b)
	r.joins(1, true)
	r.must(1, 0, "d1:md1:ai5eee")
	p := a.peers[0]
	r.Leave(1)
	r.Leave(1)
	r.must(1, 1, "late")
	if p.Send(ext.Chat, nil) {
		t.Error("sent to a peer that left")
	}
	p.Close(errors.New("late"))
	if len(r.closed) > 0 {
		t.Error("closed again")
	}
	expect(t, a, "attach 1, detach 1")
	expect(t, b, "")
	for range a.torrent.Peers() {
		t.Error("still listed")
	}
}

func TestSendSaysNoToWhatCannotBeSent(t *testing.T) {
	a := &recorder{name: "a"}
	r := newRig(t, a)
	r.joins(1, true)
	r.must(1, 0, "d1:md1:ai5eee")
	p := a.peers[0]
	if p.Send(ext.Chat, make([]byte, ext.MaxPayload+1)) || p.Send(ext.Classes, nil) || len(r.sent) > 0 {
		t.Error("sent")
	}
	r.full = true
	if p.Send(ext.Chat, nil) {
		t.Error("sent without room")
	}
	p.Close(errors.New("enough"))
	if len(r.closed) != 1 || !strings.HasPrefix(r.closed[0].Error(), "a: ") {
		t.Errorf("closed with %v", r.closed)
	}
}

func TestAnExtensionSeesAllPeersAndWhatTheySaid(t *testing.T) {
	a := &recorder{name: "a"}
	r := newRig(t, a)
	r.joins(3, true)
	r.joins(1, false)
	r.joins(2, false)
	r.must(1, 0, "d1:md1:ai5ee1:pi6881ee")
	r.must(2, 0, "d11:upload_onlyi1ee")
	var got []string
	for p := range a.torrent.Peers() {
		got = append(got, fmt.Sprint(p.Key(), " ", p.Addr(), " ", p.Listen(), " ", p.Dialled(), " ", p.Seed(), " ", p.Hello().Port))
	}
	want := []string{
		"3 10.0.0.3:50000 10.0.0.3:50000 true false 0",
		"1 10.0.0.1:50000 10.0.0.1:6881 false false 6881",
		"2 10.0.0.2:50000 invalid AddrPort false true 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("peers %q, want %q", got, want)
	}
	if r.Speaks(3) || !r.Speaks(1) || r.Speaks(9) {
		t.Error("Speaks is wrong")
	}
	r.Tick(noon)
	expect(t, a, "attach 1, tick")
}

func TestAListThatCannotBeUsedIsRefused(t *testing.T) {
	for name, list := range map[string][]ext.Extension{
		"no name":      {&recorder{}},
		"long name":    {&recorder{name: strings.Repeat("a", 65)}},
		"twice":        {&recorder{name: "a"}, &recorder{name: "a"}},
		"far too many": make([]ext.Extension, 129),
	} {
		if ext.Check(list) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	var most []ext.Extension
	for i := range 128 {
		most = append(most, &recorder{name: fmt.Sprint(i)})
	}
	if err := ext.Check(most); err != nil {
		t.Error(err)
	}
}

func FuzzRegistry(f *testing.F) {
	f.Add([]byte("d1:md1:ai5e1:bi0eee"), uint8(1), []byte("x"))
	f.Add([]byte("de"), uint8(255), []byte(""))
	f.Add([]byte("i1e"), uint8(0), []byte("d1:md1:ai0eee"))
	f.Fuzz(func(t *testing.T, hello []byte, id uint8, payload []byte) {
		a, b := &recorder{name: "a"}, &recorder{name: "b"}
		r := newRig(t, a, b)
		r.joins(1, false)
		for range 2 {
			r.Handle(noon, 1, 0, hello)
			r.Handle(noon, 1, id, payload)
		}
		for _, p := range append(a.peers, b.peers...) {
			p.Send(ext.Chat, payload)
		}
		r.Leave(1)
		if len(a.peers) > 1 || len(b.peers) > 1 {
			t.Error("attached twice")
		}
		for _, s := range r.sent {
			if strings.Contains(s, "id 0:") {
				t.Error("sent with the id of the handshake")
			}
		}
	})
}

// guarded is a recorder for devices alone.
type guarded struct{ *recorder }

func (guarded) Secure() bool { return true }

func TestAGuardedExtensionExistsForDevicesAlone(t *testing.T) {
	open, private := &recorder{name: "open"}, &recorder{name: "private", size: 7}
	r := newRig(t, open, guarded{private})
	device := identity.Key{1}
	for _, test := range []struct {
		device identity.Key
		names  int
		size   int64
	}{{identity.Key{}, 1, 0}, {device, 2, 7}} {
		var h wire.ExtHandshake
		r.Greet(&h, test.device)
		if len(h.M) != test.names || h.MetadataSize != test.size {
			t.Errorf("%v is greeted with %+v", test.device, h)
		}
	}

	const both = "d1:md4:openi9e7:privatei8eee"
	r.joins(1, true)
	r.must(1, 0, both)
	r.must(1, 2, "hello") // a plain peer that guesses the number
	expect(t, private, "")
	r.joinsAs(2, true, device)
	r.must(2, 0, both)
	r.must(2, 2, "hello")
	expect(t, private, "attach 2, 2 says hello")
	if got := private.peers[0].Device(); got != device {
		t.Errorf("the device is %v", got)
	}
	sent := 0
	for p := range private.torrent.Peers() {
		if p.Send(ext.Chat, []byte("hi")) {
			sent++
			if p.Device() != device {
				t.Error("sent to a plain peer that names the extension")
			}
		}
	}
	if sent != 1 {
		t.Errorf("sent to %d", sent)
	}
}
