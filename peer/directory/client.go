package directory

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"p2p/peer/identity"
	"p2p/tracker/dirseal"
	"p2p/tracker/dirwire"
)

// Limits.
const (
	MaxExtra    = 1 << 10           // bytes that are sealed with the account's seed
	MaxSealed   = dirwire.MaxSealed // bytes of a message
	MaxFriends  = dirwire.MaxFriends
	MaxAddrs    = dirwire.MaxAddrs // that a device tells of itself
	MinPassword = 8                // characters
)

// Options of a Client.
type Options struct {
	// URL is that of a tracker, http or https: its announce URL, or what comes before /announce. No passkey is in it. When
	// its host has several addresses, they are those of the nodes of one service: who loses one goes to the next. Behind a "#" may
	// be by what the key of the service is known (dirseal.Print): another is refused then, else the first one that is shown is taken.
	URL string
	// Device is the key of this device.
	Device identity.Secret
	// HTTP sends the requests; a client of its own when nil. Its Timeout should be zero: the
	// longest request waits for events for some seconds.
	HTTP *http.Client
	// Log gets trouble at debug level, never a password, a key or a name; nothing is logged when nil.
	Log *zap.Logger
}

// Client speaks to one directory for one device. All methods may be called by any
// goroutine; each returns when ctx ends, and none keeps what it was given.
type Client struct {
	url    url.URL // without a fragment
	base   string  // url, with dirwire.Prefix
	device identity.Secret
	http   http.Client
	dialer *dialer // nil when the caller has brought an HTTP
	log    *zap.Logger
	least  dirwire.Cost // of a password
	named  bool         // print stood in the URL

	mu        sync.Mutex
	public    dirseal.Public // zero while it is not known
	print     dirseal.Print  // that the service is known by; zero while it is not, and never another from then on
	attending bool
	session   *session // the last one, nil before and after
	opened    chan struct{}
	presence  dirwire.Presence
	friends   []identity.Key
	unsent    unsent
	changed   chan struct{} // holds one when something is unsent, or the session is in doubt
	again     chan struct{} // holds one when what failed before says nothing about the next try
}

// URL returns the URL of the options, with what the key of the service is known by, once that has been shown.
func (c *Client) URL() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.url
	if c.print != (dirseal.Print{}) {
		u.Fragment = c.print.String()
	}
	return u.String()
}

// idleFor is how long a connection is kept that nobody uses: few Clients live long, and who attends always uses one.
const idleFor = 10 * time.Second

// leave has the next requests go to another node, if the service has several.
func (c *Client) leave() {
	if c.dialer != nil {
		c.dialer.leave()
	}
	c.http.CloseIdleConnections()
}

// unsent says what the service has not heard of in this session.
type unsent struct{ presence, friends bool }

// New returns a Client. It opens no connection.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("directory: %w: want http://HOST:PORT or https://HOST:PORT", ErrURL)
	}
	var print dirseal.Print
	if u.Fragment != "" {
		if print, err = dirseal.ParsePrint(u.Fragment); err != nil {
			return nil, fmt.Errorf("directory: %w: %w", ErrURL, err)
		}
		u.Fragment, u.RawFragment = "", ""
	}
	base := url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimSuffix(strings.TrimSuffix(u.Path, "/announce"), "/") + dirwire.Prefix}
	c := &Client{
		url: *u, print: print, named: print != (dirseal.Print{}), base: base.String(), device: o.Device, log: o.Log, least: dirwire.FairCost,
		opened: make(chan struct{}), changed: make(chan struct{}, 1), again: make(chan struct{}, 1),
	}
	if o.HTTP != nil {
		c.http = *o.HTTP
	} else {
		c.dialer = newDialer()
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DialContext, t.IdleConnTimeout = c.dialer.DialContext, idleFor
		c.http.Transport = t
	}
	// A proof is for the service that the person has named.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if c.log == nil {
		c.log = zap.NewNop()
	}
	return c, nil
}
