package wire_test

import (
	"fmt"
	"maps"
	"testing"

	"p2p/peer/wire"
)

// BEP 10: "it should note that the m dictionary is additive. It's enough that it
// contains the actual CHANGES to the extension list."
func TestALaterHandshakeAddsToTheEarlierOne(t *testing.T) {
	first := wire.ExtHandshake{M: map[string]uint8{"a": 1, "b": 2}, Client: "x", ReqQ: 10, Port: 6881, MetadataSize: 5}
	later := wire.ExtHandshake{M: map[string]uint8{"b": 0, "c": 3}, ReqQ: 20, UploadOnly: true}
	got := first.Merge(later)
	if !maps.Equal(got.M, map[string]uint8{"a": 1, "b": 0, "c": 3}) {
		t.Errorf("m is %v", got.M)
	}
	if got.Client != "x" || got.ReqQ != 20 || got.Port != 6881 || got.MetadataSize != 5 || !got.UploadOnly {
		t.Errorf("merged into %+v", got)
	}
	if first.M["b"] != 2 || len(first.M) != 2 || len(later.M) != 2 {
		t.Error("what was merged has changed")
	}
}

func TestNamesDoNotPileUp(t *testing.T) {
	var h wire.ExtHandshake
	for i := range 1000 {
		h = h.Merge(wire.ExtHandshake{M: map[string]uint8{fmt.Sprint(i): 1}})
	}
	if len(h.M) != wire.MaxExtensions {
		t.Errorf("%d names", len(h.M))
	}
	if h = h.Merge(wire.ExtHandshake{M: map[string]uint8{"5": 9}}); h.M["5"] != 9 {
		t.Error("a name that is known cannot be changed any more")
	}
}
