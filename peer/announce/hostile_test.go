package announce_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/announce"
	"p2p/tracker/udpwire"
)

// body wraps b in a plain HTTP answer.
func body(b string) func(net.Conn) {
	return raw(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(b), b))
}

// endless sends head and then s for ever.
func endless(head, s string) func(net.Conn) {
	return func(conn net.Conn) {
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, head)
		for {
			if _, err := io.WriteString(conn, s); err != nil {
				return
			}
		}
	}
}

// The cases of the robustness list: huge body and gzip bomb (libtorrent's limit
// of 1 MiB), bad compact length, peers that are no list (anacrolix/torrent#1055),
// nesting (rqbit#660), size bombs.
func TestHostileHTTPAnswers(t *testing.T) {
	ok := "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name   string
		answer func(net.Conn)
		want   string // of the error, or of the peers
	}{
		{"endless body", endless(ok+"\r\n", strings.Repeat("x", 1<<16)), "answer is longer than 256 KiB"},
		{"huge content length", raw(ok + "Content-Length: 9223372036854775807\r\n\r\nd8:intervali60ee"), "read answer: unexpected EOF"},
		{"negative content length", raw(ok + "Content-Length: -1\r\n\r\nde"), "not a web server"},
		{"endless header", endless(ok, "X: "+strings.Repeat("x", 1000)+"\r\n"), "closed before there was an answer"},
		{"endless header line", endless(ok+"X: ", strings.Repeat("x", 1000)), "closed before there was an answer"},
		{"endless chunks", endless(ok+"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"), "read answer"},
		{"gzip bomb", raw(ok + "Content-Encoding: gzip\r\n\r\n" + zip(strings.Repeat("\x00", 16<<20))), "answer is longer than 256 KiB"},
		{"broken gzip", raw(ok + "Content-Encoding: gzip\r\n\r\nnot gzip at all"), "unpack answer"},
		{"gzip cut short", raw(ok + "Content-Encoding: gzip\r\n\r\n" + zip(onePeer(60))[:20]), "read answer: unexpected EOF"},
		{"drip", func(conn net.Conn) {
			defer conn.Close()
			_, _ = conn.Read(make([]byte, 4096))
			for range 100 {
				if _, err := io.WriteString(conn, "H"); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}, "no answer within 15 s"},
		{"deep nesting", body(strings.Repeat("l", 200_000)), "answer makes no sense"},
		{"deep nesting in peers", body("d5:peers" + strings.Repeat("l", 100_000) + strings.Repeat("e", 100_001)), "answer makes no sense"},
		{"string of 4 GiB", body("d5:peers4294967296:"), "answer makes no sense"},
		{"overflowing string", body("d5:peers99999999999999999999:"), "answer makes no sense"},
		{"a list", body("le"), "answer makes no sense"},
		{"cut short", body("d8:interval"), "answer makes no sense"},
		{"compact length", body("d8:intervali60e5:peers7:\xc6\x33\x64\x07\x1a\xe1\xffe"), "[198.51.100.7:6881]"},
		{"compact length of peers6", body("d8:intervali60e5:peers0:6:peers65:aaaaae"), "[]"},
		{"peers are a number", body("d8:intervali60e5:peersi5ee"), "[]"},
		{"peers are a dictionary", body("d8:intervali60e5:peersd1:ai1eee"), "[]"},
		{"peers are lists", body("d8:intervali60e5:peersllelli5eeeee"), "[]"},
		{"peers of the wrong types", body("d8:intervali60e5:peersld2:ipi5e4:port2:80ed2:ip9:localhost4:porti80eed2:ip7:1.2.3.44:porti-80eed2:ip7:1.2.3.44:porti65616eeee"), "[]"},
		{"peers with a zone", body("d8:intervali60e5:peersld2:ip12:fe80::1%eth04:porti80eed2:ip7:fe80::14:porti80eeee"), "[]"},
		{"nobody can be there", body("d8:intervali60e5:peers42:" +
			"\x00\x00\x00\x00\x1a\xe1" + "\x00\x01\x02\x03\x1a\xe1" + "\xe0\x00\x00\x01\x1a\xe1" + "\xff\xff\xff\xff\x1a\xe1" +
			"\xc6\x33\x64\x07\x00\x00" + "\xc6\x33\x64\x07\x1a\xe1" + "\xc6\x33\x64\x07\x1a\xe1" + "e"), "[198.51.100.7:6881]"},
		{"aimed at this machine", body("d8:intervali60e5:peers24:" +
			"\x7f\x00\x00\x01\x18\xeb" + "\xa9\xfe\xa9\xfe\x00\x50" + "\x7f\x08\x08\x08\x00\x16" + "\xc6\x33\x64\x07\x1a\xe1" +
			"6:peers636:" + strings.Repeat("\x00", 15) + "\x01\x18\xeb" + strings.Repeat("\x00", 10) + "\xff\xff\x7f\x00\x00\x01\x18\xeb" + "e"), "[198.51.100.7:6881]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newFakeNet()
				n.hosts["t"] = []netip.Addr{netip.MustParseAddr("203.0.113.1")}
				n.tcp["203.0.113.1:80"] = c.answer
				client := n.client(announce.Options{})
				before := allocated()
				resp, err := client.Announce(t.Context(), "http://t/announce", udpRequest)
				if used := allocated() - before; used > 4<<20 {
					t.Errorf("allocated %d KiB", used>>10)
				}
				got := fmt.Sprint(resp.Peers)
				if err != nil {
					got = err.Error()
				}
				if !strings.Contains(got, c.want) {
					t.Errorf("got %q, want %q", got, c.want)
				}
				time.Sleep(2 * time.Second) // for the tracker to notice
			})
		})
	}
}

// A tracker on the LAN or on this machine may name neighbours on this machine.
func TestPeersOfATrackerNearby(t *testing.T) {
	answer := "d8:intervali60e5:peers12:\x7f\x00\x00\x01\x1a\xe1\xc0\xa8\x01\x02\x1a\xe1" +
		"6:peers618:\xfe\x80" + strings.Repeat("\x00", 13) + "\x01\x1a\xe1e"
	for tracker, want := range map[string]string{
		"203.0.113.1": "[192.168.1.2:6881]",
		"192.168.1.1": "[127.0.0.1:6881 192.168.1.2:6881]",
		"127.0.0.1":   "[127.0.0.1:6881 192.168.1.2:6881]",
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newFakeNet()
			n.tcp[tracker+":80"] = body(answer)
			resp, err := n.client(announce.Options{}).Announce(t.Context(), "http://"+tracker+"/", udpRequest)
			if got := fmt.Sprint(resp.Peers); err != nil || got != want {
				t.Errorf("from %s: %s, want %s: %v", tracker, got, want, err)
			}
		})
	}
}

// allocated returns how many bytes have been allocated so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestHostileUDPAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		reply func(udpwire.AnnounceRequest) []byte
		want  string
	}{
		{"cut short", func(r udpwire.AnnounceRequest) []byte {
			return udpwire.AnnounceResponse{TransactionID: r.TransactionID}.AppendTo(nil)[:19]
		}, "answer makes no sense"},
		{"the header alone, as opentracker does", func(r udpwire.AnnounceRequest) []byte {
			return udpwire.AnnounceResponse{TransactionID: r.TransactionID}.AppendTo(nil)[:8]
		}, "tracker refused: it gave no reason, the torrent may not be on its list"},
		{"half a peer", func(r udpwire.AnnounceRequest) []byte {
			return udpwire.AnnounceResponse{TransactionID: r.TransactionID, Peers: []byte("\xc6\x33\x64\x07\x1a\xe1\xff\xff")}.AppendTo(nil)
		}, "[198.51.100.7:6881]"},
		{"huge numbers", func(r udpwire.AnnounceRequest) []byte {
			return udpwire.AnnounceResponse{TransactionID: r.TransactionID, Interval: 1<<32 - 1, Seeders: 1<<32 - 1, Leechers: 1<<32 - 1}.AppendTo(nil)
		}, "[] 2147483647 2147483647"},
		{"huge datagram", func(r udpwire.AnnounceRequest) []byte {
			return udpwire.AnnounceResponse{TransactionID: r.TransactionID, Peers: make([]byte, 60_000)}.AppendTo(nil)
		}, "[]"},
		{"endless error", func(r udpwire.AnnounceRequest) []byte {
			return udpwire.ErrorResponse{TransactionID: r.TransactionID, Message: strings.Repeat("a\x00", 30_000)}.AppendTo(nil)
		}, "tracker refused: a a a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inUDP(t, func(t *testing.T, client *announce.Client, u *udpTracker) {
				u.onAnnounce = func(r udpwire.AnnounceRequest) [][]byte { return [][]byte{c.reply(r)} }
				resp, err := client.Announce(t.Context(), udpURL, udpRequest)
				got := fmt.Sprint(resp.Peers, resp.Seeders, resp.Leechers)
				if err != nil {
					got = err.Error()
				}
				if !strings.Contains(got, c.want) || len(got) > 700 {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestPeersOfOneAnswerAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFakeNet()
		all := make([]byte, 0, 6*40_000)
		for i := range 40_000 {
			all = append(all, 198, 51, byte(i>>8), byte(i), 0x1a, 0xe1)
		}
		n.tcp["203.0.113.1:80"] = body(fmt.Sprintf("d8:intervali60e5:peers%d:%se", len(all), all))
		resp, err := n.client(announce.Options{}).Announce(t.Context(), "http://203.0.113.1/announce", udpRequest)
		if err != nil || len(resp.Peers) != 2000 {
			t.Errorf("%d peers, want 2000: %v", len(resp.Peers), err)
		}
	})
}

// FuzzHTTPAnswer: whatever a public tracker answers, nothing of it is unfit to be
// shown or dialled, and we connect to nothing near home.
func FuzzHTTPAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\n\r\n" + onePeer(60),
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + zip(onePeer(60)),
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nd14:f\r\n0\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: http://203.0.113.1/\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n",
		"HTTP/1.1 500 No\r\n\r\nd14:failure reason4:\x1b[2Je",
		"HTTP/1.1 200 OK\r\n\r\nd8:intervali-1e12:min intervali9e5:peersld2:ip9:127.0.0.14:porti80eee15:warning message3:\xff\x00xe",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		n := newFakeNet()
		n.tcp["203.0.113.1:80"] = raw(string(answer))
		resp, err := n.client(announce.Options{}).Announce(t.Context(), "http://203.0.113.1/announce", udpRequest)
		checkResponse(t, resp, err)
		for _, dialed := range n.dialed {
			if strings.Contains(dialed, " 127.") || strings.Contains(dialed, " 10.") || strings.Contains(dialed, "[::1]") {
				t.Errorf("dialled %s", dialed)
			}
		}
	})
}

// FuzzUDPAnswer is the same for the datagrams of a UDP tracker.
func FuzzUDPAnswer(f *testing.F) {
	f.Add(uint32(1), []byte("\x00\x00\x07\x08\x00\x00\x00\x01\x00\x00\x00\x01\xc6\x33\x64\x07\x1a\xe1"))
	f.Add(uint32(1), []byte{})
	f.Add(uint32(3), []byte("go\x1b[2Jaway"))
	f.Fuzz(func(t *testing.T, action uint32, answer []byte) {
		synctest.Test(t, func(t *testing.T) {
			n := newFakeNet()
			u := n.udpTracker("203.0.113.1:6969")
			u.onAnnounce = func(r udpwire.AnnounceRequest) [][]byte {
				head := binary.BigEndian.AppendUint32(nil, action)
				return [][]byte{append(binary.BigEndian.AppendUint32(head, r.TransactionID), answer...)}
			}
			resp, err := n.client(announce.Options{}).Announce(t.Context(), "udp://203.0.113.1:6969", udpRequest)
			checkResponse(t, resp, err)
		})
	})
}

// checkResponse fails when a public tracker got something past the checks.
func checkResponse(t *testing.T, resp announce.Response, err error) {
	t.Helper()
	if err != nil {
		checkText(t, err.Error())
	}
	checkText(t, resp.Warning)
	if resp.Interval < 0 || resp.MinInterval < 0 || resp.Seeders < -1 || resp.Leechers < -1 {
		t.Errorf("numbers of %+v", resp)
	}
	for _, p := range resp.Peers {
		if a := p.Addr(); p.Port() == 0 || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.Is4In6() || a.Zone() != "" {
			t.Errorf("peer %s from a public tracker", p)
		}
	}
}

// checkText fails when s is not fit for a terminal or a log.
func checkText(t *testing.T, s string) {
	t.Helper()
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' }) || len(s) > 2000 {
		t.Errorf("text is %.300q (%d bytes)", s, len(s))
	}
}
