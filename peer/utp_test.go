package peer_test

import (
	"bytes"
	"encoding/hex"
	"net"
	"testing"
	"time"

	"p2p/peer"
)

// synOfLibtorrent was sent by libtorrent 2.0.8, synOfTransmission, which has an
// extension, by Transmission 3.00.
const (
	synOfLibtorrent   = "41008996346d283300000000000000007d4c0000"
	synOfTransmission = "4102546534473e530000000000040000f6bb000000080000000000000000"
)

func bytesOf(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// BEP 29: "ST_RESET = 3: Terminate connection forcefully." Clients take that for
// a refused connection and try TCP at once.
func TestAttemptsToConnectByUTPAreRefused(t *testing.T) {
	n := openNode(t, peer.Options{})
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(n.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	for _, packet := range []string{"", "41", "6100" + synOfLibtorrent[4:], "31" + synOfLibtorrent[2:]} { // these get no answer
		if _, err := conn.Write(bytesOf(t, packet)); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ syn, want string }{
		{synOfLibtorrent, "3100899600000000000000000000000000007d4c"},
		{synOfTransmission, "310054650000000000000000000000000000f6bb"},
	} {
		if _, err := conn.Write(bytesOf(t, test.syn)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		size, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(b[:size]); got != test.want {
			t.Errorf("answer to %s is %s, want %s", test.syn, got, test.want)
		}
	}
}

func FuzzUTPReset(f *testing.F) {
	f.Add(bytesOf(f, synOfLibtorrent))
	f.Add(bytesOf(f, synOfTransmission))
	f.Add([]byte{0x41})
	f.Fuzz(func(t *testing.T, packet []byte) {
		answer, ok := peer.UTPReset(packet)
		switch {
		case ok && len(packet) < len(answer):
			t.Error("the answer is longer than the question")
		case ok && !bytes.Equal(answer[2:4], packet[2:4]):
			t.Error("the answer is not for this connection")
		case ok:
			if _, again := peer.UTPReset(answer); again {
				t.Error("the answer is answered")
			}
		}
	})
}
