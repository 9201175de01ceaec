package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"go.uber.org/zap"

	"p2p/tracker/memory"
)

// Options of a Node. The zero value is a tracker alone that keeps no hard state.
type Options struct {
	// Name is that of the cluster: several may share a NATS server. Lower-case
	// letters, digits and "-", 32 at most; "p2p" when empty.
	Name string
	// Label is what other nodes show for this one, printable ASCII without
	// blanks; the address it listens on when empty.
	Label string
	// Listen is where other nodes connect to, "host:port" with port 0 for any;
	// empty for none.
	Listen string
	// Advertise is what others are told to connect to, when that is not Listen.
	Advertise string
	// Join lists the Listen addresses of other nodes, at best of all.
	Join []string
	// NATS is the URL of a server to use instead of one inside this process.
	NATS string
	// Secret is what all nodes of a cluster know and nobody else, MinSecret
	// random bytes at least. Without it, Listen must be a loopback address.
	Secret []byte
	// Dir is the folder for hard state, made when it is not there. Without it
	// there is no Ledger; a node that listens must have it, for a node that
	// forgets its vote is a danger to the others.
	Dir string
	// Local is the registry of this node. It is required, and used by nobody else.
	Local *memory.Store
	// PeerTTL is how long a peer is known after its last announce, as in
	// tracker.Options; one hour when zero.
	PeerTTL time.Duration
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Log gets what happens to the cluster; nothing is logged when nil.
	Log *zap.Logger
}

// Errors of Options.
var (
	ErrNoSecret = errors.New("a node that others reach over the network needs a cluster secret")
	ErrPlatform = errors.New("the NATS server that is built in needs a 64-bit system: use one elsewhere")
	ErrNoDir    = errors.New("a node of a cluster needs a folder for its data")
	ErrOptions  = errors.New("the options of the cluster contradict each other")
)

func (o Options) withDefaults() (Options, error) {
	if o.Name == "" {
		o.Name = "p2p"
	}
	if o.PeerTTL <= 0 {
		o.PeerTTL = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Label == "" {
		o.Label = o.Listen
	}
	return o, o.check()
}

func (o Options) check() error {
	switch {
	case !validName(o.Name):
		return fmt.Errorf("%w: a name is made of lower-case letters, digits and dashes", ErrOptions)
	case !validLabel(o.Label):
		return fmt.Errorf("%w: the label is not printable", ErrOptions)
	case o.Local == nil:
		return fmt.Errorf("%w: there is no registry", ErrOptions)
	case o.NATS != "" && (o.Listen != "" || len(o.Join) > 0):
		return fmt.Errorf("%w: a NATS server elsewhere leaves nothing to listen for or to join", ErrOptions)
	case len(o.Join) > 0 && o.Listen == "":
		return fmt.Errorf("%w: who joins others must listen too", ErrOptions)
	case strconv.IntSize < 64 && o.NATS == "" && o.Dir != "":
		return ErrPlatform // its counters are not aligned for atomic access there, and it panics
	case o.Listen != "" && o.Dir == "":
		return ErrNoDir
	case o.Listen != "" && len(o.Secret) == 0 && !isLoopback(o.Listen):
		return ErrNoSecret
	}
	return nil
}

// shared reports whether there can be other nodes.
func (o Options) shared() bool { return o.Listen != "" || o.NATS != "" }

func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// isLoopback reports whether only this machine reaches addr. A name other than
// localhost may stand for anything.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
