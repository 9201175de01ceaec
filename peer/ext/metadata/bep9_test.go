package metadata_test

import (
	"testing"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/exttest"
	"p2p/peer/ext/metadata"
	"p2p/peer/wire"
)

// Each test of this file quotes the sentence of BEP 9 that it checks.

// "It adds the 'ut_metadata' entry to the 'm' dictionary in the extension header
// hand-shake message. [...] It also adds 'metadata_size' to the handshake message
// (not the 'm' dictionary) specifying an integer value of the number of bytes of
// the metadata."
func TestTheHandshakeTellsNameAndSize(t *testing.T) {
	if n := (metadata.Extension{}).Name(); n != "ut_metadata" {
		t.Errorf("named %q", n)
	}
	i, _, _ := serve(dictionary(31235, 1))
	var h wire.ExtHandshake
	i.(ext.Greeter).Greet(&h)
	if h.MetadataSize != 31235 {
		t.Errorf("metadata_size %d", h.MetadataSize)
	}
}

// "All blocks are 16KiB except the last block which may be smaller." "If it is
// not the last piece of the metadata, it MUST be 16kiB." "The response MUST have
// the same piece as the request did." "The metadata piece is appended to the
// bencoded dictionary, it is not a part of the dictionary".
func TestARequestIsAnsweredWithThePiece(t *testing.T) {
	for _, n := range []int{1, block - 1, block, block + 1, 3 * block, 3*block + 77} {
		dict := dictionary(n, 1)
		_, p, h := serve(dict)
		for i := 0; i*block < n; i++ {
			if err := h.Handle(noon, []byte(request(i))); err != nil {
				t.Fatal(err)
			}
			if got := p.Take(); len(got) != 1 || got[0] != answer(dict, i) {
				t.Fatalf("piece %d of %d bytes: wrong answer", i, n)
			}
		}
	}
}

// "{'msg_type': 1, 'piece': 0, 'total_size': 3425}".
func TestADataMessageTellsTheWholeSize(t *testing.T) {
	_, p, h := serve(dictionary(3425, 1))
	if err := h.Handle(noon, []byte("d8:msg_typei0e5:piecei0ee")); err != nil {
		t.Fatal(err)
	}
	if m := read(t, p.Sent[0]); m.Kind != 1 || m.Piece != 0 || m.Total != 3425 || len(m.Body) != 3425 {
		t.Errorf("kind %d, piece %d, total %d, %d bytes", m.Kind, m.Piece, m.Total, len(m.Body))
	}
}

// "The response to this message [...] is either a reject or a data message."
func TestAPieceThatIsNotThereIsRejected(t *testing.T) {
	_, p, h := serve(dictionary(block, 1))
	for _, piece := range []string{"1", "-1", "4294967296", "9223372036854775807", "-9223372036854775808"} {
		if err := h.Handle(noon, []byte("d8:msg_typei0e5:piecei"+piece+"ee")); err != nil {
			t.Fatal(err)
		}
		if got, want := p.Take(), "d8:msg_typei2e5:piecei"+piece+"ee"; len(got) != 1 || got[0] != want {
			t.Errorf("piece %s: %q", piece, got)
		}
	}
}

// "Peers that do not have the entire metadata MUST respond with a reject message
// to any metadata request."
func TestWhoHasNoMetadataRejects(t *testing.T) {
	h := newHunt(t, dictionary(100, 1))
	p := h.joins(0, silent)
	if err := p.handler.Handle(noon, []byte(request(0))); err != nil {
		t.Fatal(err)
	}
	if got := p.Take(); len(got) != 1 || got[0] != reject(0) {
		t.Errorf("sent %q", got)
	}
}

// "In order to support future extensability, an unrecognized message ID MUST be
// ignored."
func TestAnUnknownMessageIsIgnored(t *testing.T) {
	_, p, h := serve(dictionary(100, 1))
	hunted := newHunt(t, dictionary(100, 1)).joins(0, silent)
	for _, kind := range []string{"3", "77", "-1"} {
		payload := []byte("d8:msg_typei" + kind + "e5:piecei0eexyz")
		if err := h.Handle(noon, payload); err != nil {
			t.Error(err)
		}
		if err := hunted.handler.Handle(noon, payload); err != nil {
			t.Error(err)
		}
	}
	if len(p.Sent)+len(hunted.Sent) > 0 {
		t.Errorf("answered %q %q", p.Sent, hunted.Sent)
	}
}

// "Clients MAY implement flood protection by rejecting request messages after a
// certain number of them have been served. Typically the number of pieces of
// metadata times a factor."
func TestWhoAsksAgainAndAgainIsRejectedAndThenCutOff(t *testing.T) {
	_, p, h := serve(dictionary(10*block, 1))
	served, rejected := 0, 0
	for n := range 10000 {
		err := h.Handle(noon, []byte(request(n%10)))
		for _, payload := range p.Take() {
			if read(t, payload).Kind == 1 {
				served++
			} else {
				rejected++
			}
		}
		if err != nil {
			if served != 30 || rejected != 200 {
				t.Errorf("served %d, rejected %d", served, rejected)
			}
			return
		}
	}
	t.Error("never cut off")
}

// "It SHOULD be interpreted as the peer does not have the piece of metadata that
// was requested."
func TestAPeerThatRejectsIsLeftAloneAndAskedAgainLater(t *testing.T) {
	dict := dictionary(100, 1)
	h := newHunt(t, dict)
	rejecting := true
	p := h.joins(100, func(i int) []string {
		if rejecting {
			return []string{reject(i)}
		}
		return []string{answer(dict, i)}
	})
	h.run(25 * time.Second)
	if p.got != 1 {
		t.Errorf("asked %d times in 25 s", p.got)
	}
	rejecting = false
	h.run(20 * time.Second)
	if h.found == nil {
		t.Error("never asked again")
	}
}

// A private torrent has its metadata too: who knows the info-hash and reached the
// peer through the tracker may have it, as in other clients.
func TestAPrivateTorrentServesItsMetadata(t *testing.T) {
	i := metadata.Extension{}.Open(ext.Torrent{Info: dictionary(10, 1), Private: true})
	p := &exttest.Peer{}
	if err := i.Attach(noon, p).Handle(noon, []byte(request(0))); err != nil || len(p.Sent) != 1 {
		t.Error("not served", err)
	}
}
