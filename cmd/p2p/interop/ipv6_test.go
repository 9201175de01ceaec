//go:build interop && linux

package interop

import (
	"fmt"
	"testing"
)

// TestSwarmsOverIPv6 has no IPv4 at all: tracker, seeder and leecher have nothing
// but addresses of IPv6. aria2 does not ask UDP trackers over IPv6, and scrapes
// none over anything. Transmission 3.00 does, and takes each address that it is told
// of for three of IPv4: so others are told of it.
func TestSwarmsOverIPv6(t *testing.T) {
	overHTTP, overUDP := trackerKinds[0], trackerKinds[1]
	for _, test := range []struct {
		from, to client
		over     trackerKind
	}{
		{ours{}, ours{}, overHTTP}, {ours{}, ours{}, overUDP},
		{ours{}, libtorrent{}, overHTTP}, {ours{}, libtorrent{}, overUDP},
		{libtorrent{}, ours{}, overHTTP}, {libtorrent{}, ours{}, overUDP},
		{ours{}, aria2{}, overHTTP}, {aria2{}, ours{}, overHTTP},
		{ours{}, transmission{}, overHTTP.byName()}, {transmission{}, ours{}, overUDP.byName()},
	} {
		t.Run(fmt.Sprintf("%v to %v, %v", test.from, test.to, test.over), func(t *testing.T) {
			t.Parallel()
			need(t, append(test.from.programs(), test.to.programs()...)...)
			pair(t, test.from, test.to, newSwarm(t, contents[0], test.over, newAddr6()))
		})
	}
}
