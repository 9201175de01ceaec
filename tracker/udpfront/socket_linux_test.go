package udpfront

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"p2p/tracker"
	"p2p/tracker/memory"
)

// One answer that cannot be sent takes none of the others with it.
func TestAnAnswerThatCannotBeSentIsLeftOut(t *testing.T) {
	f, client := open(t, "own", "127.0.0.1")
	b := f.socket.(*batch)
	for bad := range 5 {
		for n := range 5 {
			mustWrite(t, client, []byte{byte(n)})
		}
		messages, err := b.receive()
		if err != nil || len(messages) != 5 {
			t.Fatalf("%d messages, %v", len(messages), err)
		}
		for i := range messages {
			messages[i].answer = append(messages[i].answer, messages[i].packet...)
		}
		b.names[bad].Port = 0
		if dropped, err := b.send(messages); dropped != 1 || err != unix.EINVAL {
			t.Errorf("send to port 0: %d dropped, %v", dropped, err)
		}
		for n := range 5 {
			if n == bad {
				continue
			}
			if got := mustRead(t, client, make([]byte, 8)); len(got) != 1 || got[0] != byte(n) {
				t.Errorf("answer %x, want %d", got, n)
			}
		}
	}
}

// A receiver that does not keep up must not make the tracker wait.
func TestSendingNeverWaits(t *testing.T) {
	f, client := open(t, "own", "127.0.0.1")
	if err := f.conn.SetWriteBuffer(1); err != nil { // the least that the system has
		t.Fatal(err)
	}
	b := f.socket.(*batch)
	for range 50 {
		for n := range batchSize {
			mustWrite(t, client, []byte{byte(n)})
		}
		messages, err := b.receive()
		if err != nil {
			t.Fatal(err)
		}
		for i := range messages {
			messages[i].answer = messages[i].answer[:maxAnswer]
		}
		dropped, err := b.send(messages)
		if err != nil && err != unix.EAGAIN || dropped > 0 != (err != nil) {
			t.Fatalf("%d dropped: %v", dropped, err)
		}
	}
	// Nobody has read any of the answers, and here we are.
}

// A service manager may give a socket more than this process could: asking for
// less would take it away.
func TestTheBuffersOfASocketThatWasHandedOverStayAsTheyAre(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	size := func() (n int) {
		if err := raw.Control(func(fd uintptr) { n, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, n := range []int{8 << 10, 64 << 10} {
		if err := conn.SetReadBuffer(n); err != nil {
			t.Fatal(err)
		}
		before := size()
		if _, err := New(conn, tracker.New(memory.New(memory.Options{}), tracker.Options{}), Options{}); err != nil {
			t.Fatal(err)
		}
		if after := size(); after != before {
			t.Errorf("a buffer of %d bytes has %d", before, after)
		}
	}
}

func TestAPacketOfAnUnknownFamilyIsNobodys(t *testing.T) {
	b := &batch{}
	b.names[0].Family, b.names[0].Port = unix.AF_UNIX, 1234
	if got := b.source(0); got.IsValid() || got.Port() != 0 {
		t.Errorf("it comes from %v", got)
	}
}
