package people

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/knock"
	"p2p/peer/identity"
)

func TestDevicesAgreeWhateverOrderRecordsComeIn(t *testing.T) {
	type placed struct {
		r  record
		at history.Position
	}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var all []placed
		for lamport := range uint64(30) {
			k := identity.Key{byte(rng.IntN(3) + 1)}
			name := fmt.Sprint("name ", lamport)
			r := record{Name: &name}
			switch rng.IntN(4) {
			case 0:
				r = record{Contact: &contact{Account: k, Name: name, State: p2pv1.ContactState(rng.IntN(6) + 1)}}
			case 1:
				r = record{Place: &place{Swarm: fmt.Sprint(k[0]), Left: rng.IntN(2) == 0, Name: name}}
			case 2:
				r = record{Invite: &invite{Token: identity.Token{k[0]}, Until: int64(lamport)}}
			}
			// Of two devices that write at the same time both have the same lamport.
			all = append(all, placed{r, history.Position{Lamport: lamport / 2, Device: identity.Key{byte(lamport)}}})
		}
		want := newBook()
		for _, p := range all {
			want.apply(p.r, p.at)
		}
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		got := newBook()
		for _, p := range all {
			got.apply(p.r, p.at)
			got.apply(p.r, p.at) // twice is once
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: two orders give two books", seed)
		}
	}
}

func TestARecordSurvivesItsBody(t *testing.T) {
	k := contact{Account: secretOf(t, 1).Key(), Name: "李", Room: room.ID{7}, State: p2pv1.ContactState_CONTACT_STATE_ASKED,
		Reach: reach{Trackers: []string{"udp://t:1"}, Token: identity.Token{1}}}
	b, err := record{Contact: &k}.body()
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseRecord(b)
	if err != nil || !reflect.DeepEqual(*got.Contact, k) {
		t.Errorf("%s is %+v, %v", b, got.Contact, err)
	}
	if _, err := parseRecord([]byte("{")); err == nil {
		t.Error("half a record is one")
	}
}

func TestATokenAdmitsWhereAndWhileItIsMeantTo(t *testing.T) {
	b := newBook()
	token, in := identity.Token{1}, room.ID{2}
	b.apply(record{Invite: &invite{Token: token, Room: in, Until: 100}}, history.Position{Lamport: 1})
	for _, test := range []struct {
		token identity.Token
		in    room.ID
		now   int64
		want  bool
		why   knock.Why
	}{
		{token, in, 99, true, knock.Unsaid}, {token, in, 100, false, knock.Expired}, {token, room.ID{}, 99, false, knock.Unsaid},
		{token, room.ID{3}, 99, false, knock.Unsaid}, {identity.Token{2}, in, 99, false, knock.Unsaid}, {identity.Token{}, in, 99, false, knock.Unsaid},
	} {
		if got, why := b.admits(test.token, test.in, test.now); got != test.want || why != test.why {
			t.Errorf("%+v: %v, %v", test, got, why)
		}
	}
	b.apply(record{Invite: &invite{Token: token, Room: in, Until: 100, Void: true}}, history.Position{Lamport: 2})
	if got, why := b.admits(token, in, 1); got || why != knock.Revoked {
		t.Errorf("a link that was revoked: %v, %v", got, why)
	}
}

func TestNoDeviceChangesItsAccount(t *testing.T) {
	c := newCertificates()
	now := time.Unix(1_800_000_000, 0)
	device := secretOf(t, 9).Key()
	certify := func(account byte, at time.Time, revoked bool) identity.Certificate {
		cert, err := identity.Certify(secretOf(t, account), device, "", at, revoked)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	if !c.add(certify(1, now, false)) || c.add(certify(1, now, false)) {
		t.Error("a certificate is not news, or twice")
	}
	if c.add(certify(2, now.Add(time.Hour), false)) || c.owner(device) != secretOf(t, 1).Key() {
		t.Error("another account takes a device over")
	}
	if !c.add(certify(1, now.Add(time.Hour), true)) || !c.owner(device).IsZero() {
		t.Error("a device that was revoked belongs to somebody")
	}
	if c.add(certify(1, now.Add(2*time.Hour), false)) {
		t.Error("a device that was revoked is back")
	}
}

func TestNamesOfFilesAreSafe(t *testing.T) {
	for name, want := range map[string]string{
		"plan.pdf": "plan.pdf", "计划.txt": "计划.txt", "../../etc/passwd": "_.._etc_passwd", "/etc/passwd": "_etc_passwd", `c:\x`: "c__x",
		"": "file", "..": "file", ".bashrc": "bashrc", "con.txt": "_con.txt", "LPT1": "_LPT1", "a\x1b[2Jb": "a_[2Jb", "evil\u202egnp.exe": "evil_gnp.exe",
		"dots...": "dots", "\xff\xfe": "__", " .con": "_con", strings.Repeat("é", 300): strings.Repeat("é", 100),
		strings.Repeat("数", 67) + ".txt": strings.Repeat("数", 65) + ".txt", // what it is opened with stays
	} {
		if got := safeName(name); got != want || got != filepath.Base(got) {
			t.Errorf("%q is saved as %q, want %q", name, got, want)
		}
	}
}

func TestWhoDoesNotListenIsCutOff(t *testing.T) {
	var h hub
	slow, quick := h.listen(false), h.listen(true)
	if there, count := h.watched(); !there || count != 2 {
		t.Errorf("%v, %d listen", there, count)
	}
	for range backlog + 1 {
		h.tell(&p2pv1.Event{})
		<-quick.events
	}
	for range backlog {
		<-slow.events
	}
	if _, more := <-slow.events; more {
		t.Error("one that does not keep up is told more")
	}
	h.leave(slow)
	h.news()
	<-quick.stored
	h.close()
	if _, more := <-quick.events; more {
		t.Error("a hub that is closed tells")
	}
	if _, more := <-h.listen(true).events; more {
		t.Error("a hub that is closed takes listeners")
	}
}
