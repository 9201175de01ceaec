package robust

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/drive"
)

// ownNetwork runs the calling test again, alone, on a machine of its own as far as the network goes: its loopback
// carries what the test's processes say, and nothing else. It returns true there.
func ownNetwork(t *testing.T) bool {
	t.Helper()
	if !inside(t, syscall.CLONE_NEWNET) {
		return false
	}
	plug(t, true)
	return true
}

// plug connects the network, or cuts it off.
func plug(t *testing.T, in bool) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	r.SetUint16(0)
	if in {
		r.SetUint16(unix.IFF_UP)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r); err != nil {
		t.Fatal(err)
	}
}

// tap listens on the wire until the function is called that it returns, which returns what was carried: the packets, one after
// the other.
func tap(t *testing.T) (heard func() []byte) {
	t.Helper()
	const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8 // in the order of the network
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, all&0xffff)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	// What the test cannot read at once waits in the kernel.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 256*mib); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}); err != nil {
		t.Fatal(err)
	}
	stop, result := make(chan struct{}), make(chan []byte, 1)
	go func() { result <- listen(fd, stop) }()
	return func() []byte {
		close(stop)
		b := <-result
		if stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err != nil || stats.Drops > 0 {
			t.Fatalf("the tap has missed packets: %+v, %v", stats, err)
		}
		return b
	}
}

// listen reads packets until stop is closed and none waits.
func listen(fd int, stop <-chan struct{}) (all []byte) {
	packet := make([]byte, 128<<10)
	for {
		n, from, err := unix.Recvfrom(fd, packet, 0)
		if at, ok := from.(*unix.SockaddrLinklayer); err == nil && ok && at.Pkttype != unix.PACKET_OUTGOING { // loopback shows each twice
			all = append(all, packet[:n]...)
			continue
		}
		select {
		case <-stop:
			if err != nil {
				return all
			}
		default:
		}
	}
}

// TestTheWireShowsNothingOfWhatPeopleSay hears everything that two nodes and their tracker say while people get to know each
// other, talk, and send a file.
func TestTheWireShowsNothingOfWhatPeopleSay(t *testing.T) {
	if !ownNetwork(t) {
		return
	}
	heard := tap(t)
	tracker := startTracker(t, "127.0.0.1:0").Started(soon)
	alice, bob := newPerson(t, "alice-in-wonderland", "--tracker", tracker.Announce[0]), newPerson(t, "bob-the-builder", "--tracker", tracker.Announce[0])
	link := ask(t, alice.Invite, &p2pv1.InviteRequest{}).Link
	ask(t, bob.AddContact, &p2pv1.AddContactRequest{Who: link, Note: "note of the request"})
	bob.sees(alice.name, online)
	alice.says(bob.name, "words of the message")
	bob.hears(alice.name, "words of the message")
	ask(t, alice.CreateRoom, &p2pv1.CreateRoomRequest{Name: "name of the room", Invite: []string{bob.name}})
	drive.Eventually(t, soon, "bob is not in the room", func() bool {
		_, err := bob.say("name of the room", "words in the room")
		return err == nil
	})
	alice.hears("name of the room", "words in the room")

	content := bytes.Repeat([]byte("content of the file\n"), 100_000)
	path := filepath.Join(t.TempDir(), "name-of-the-file.txt")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	offer := ask(t, alice.Offer, &p2pv1.OfferRequest{Where: bob.name, Path: path, Text: "words of the offer"}).Message
	bob.hears(alice.name, "words of the offer")
	ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: offer.Id})
	got := bob.transferred(offer.Id)
	if b, err := os.ReadFile(got); err != nil || !bytes.Equal(b, content) {
		t.Fatalf("%s has %d bytes, %v", got, len(b), err)
	}

	wire := heard()
	if !bytes.Contains(wire, []byte("GET /announce?info_hash=")) || len(wire) < len(content) {
		t.Fatalf("the tap does not work: it has heard %d bytes", len(wire))
	}
	wire = bytes.ToLower(wire)
	for _, secret := range []string{
		alice.name, bob.name, "note of the request", "words of the", "words in the", "name of the", "name-of-the", "content of the",
	} {
		if i := bytes.Index(wire, []byte(secret)); i >= 0 {
			t.Errorf("it shows %q: %q", secret, wire[max(0, i-100):i+100])
		}
	}
}

// TestWhoIsCutOffIsMissedAndComesBack takes the network away from all, who then miss each other, and gives it back.
func TestWhoIsCutOffIsMissedAndComesBack(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	if !ownNetwork(t) {
		return
	}
	alice, bob := newPair(t)
	plug(t, false)
	began := time.Now()
	alice.sees("bob", offline)
	bob.sees("alice", offline)
	if took := time.Since(began); took > missed {
		t.Errorf("they see after %v that they are apart", took)
	}
	alice.says("bob", "is the cable in?")
	bob.says("alice", "no")
	plug(t, true)
	alice.hears("bob", "no")
	bob.hears("alice", "is the cable in?")
	alice.sees("bob", online)
	agree(t, alice, bob)
}
