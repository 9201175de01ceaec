package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker/httpwire"
	"p2p/tracker/wire"
)

// defaultPath is where trackers answer announces by custom.
const defaultPath = "/announce"

// HTTP loads trackers over HTTP/1.1 (BEP 3): each client has a connection, and
// asks on it as soon as the last answer is there.
func HTTP(ctx context.Context, o Options) (*Result, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if o.Mix[Announce]+o.Mix[Scrape] == 0 {
		return nil, errors.New("load: HTTP has no connect")
	}
	o.Mix[Connect] = 0
	all := make([]*client, min(o.Clients, o.Outstanding))
	for n := range all {
		all[n] = newClient(o, n, len(all))
	}
	begin := time.Now()
	if err := runClients(ctx, o, all, begin); err != nil {
		return nil, err
	}
	result := &Result{Took: o.Duration, Nodes: make([]Tally, len(o.Trackers))}
	if o.Prefill {
		result.Took = time.Since(begin)
	}
	for n, c := range all {
		result.Nodes[n%len(o.Trackers)].Merge(&c.tally)
	}
	return result, nil
}

// client is one connection after the other.
type client struct {
	o       Options
	to      Endpoint
	scrape  string // path of scrapes; "" where the tracker has none
	source  int
	share   int
	next    int // of the prefill
	stride  int
	dice    *rand.Rand
	request []byte
	tally   Tally
	from    time.Duration
	until   time.Duration
}

func newClient(o Options, n, all int) *client {
	at, sources := o.Trackers[n%len(o.Trackers)], o.Population.crowd.Sources
	if at.Path == "" {
		at.Path = defaultPath
	}
	if at.Host == "" {
		at.Host = at.Address.String()
	}
	scrape, ok := httpwire.ScrapeURL("http://" + at.Host + at.Path)
	if ok {
		scrape = strings.TrimPrefix(scrape, "http://"+at.Host)
	}
	c := &client{
		o: o, to: at, scrape: scrape, source: n % sources, next: n / sources, stride: (all-n%sources-1)/sources + 1,
		dice: rand.New(rand.NewPCG(o.Seed, uint64(n)+2)), from: o.Warmup, until: o.Warmup + o.Duration,
	}
	c.share = o.Population.of(c.source)
	if !ok {
		c.o.Mix[Scrape] = 0
	}
	return c
}

// draw decides what is asked next, and for whom; ok is false when all peers of a
// prefill were announced.
func (c *client) draw() (kind Kind, peer int, ok bool) {
	p := c.o.Population
	if c.o.Prefill {
		n := c.next
		c.next += c.stride
		if n >= c.share {
			return 0, 0, false
		}
		return Announce, p.nth(c.source, n), true
	}
	kind = Announce
	if all := c.o.Mix.sum(); all > c.o.Mix[Announce] {
		kind = c.o.Mix.kind(int(c.dice.Uint32N(uint32(all))))
	}
	return kind, p.nth(c.source, int(c.dice.Uint32N(uint32(c.share)))), true
}

func (c *client) appendRequest(b []byte, kind Kind, peer int) []byte {
	b = c.appendPath(append(b, "GET "...), kind, peer)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.to.Host...)
	if !c.o.KeepAlive {
		b = append(b, "\r\nConnection: close"...)
	}
	return append(b, "\r\n\r\n"...)
}

// appendPath appends the path of a request, with its query.
func (c *client) appendPath(b []byte, kind Kind, peer int) []byte {
	p, path := c.o.Population, c.to.Path
	if kind == Scrape {
		path = c.scrape
	}
	b = append(b, path...)
	if strings.IndexByte(path, '?') < 0 {
		b = append(b, '?')
	} else {
		b = append(b, '&')
	}
	hash := p.InfoHash(p.Torrent(peer))
	if kind == Scrape {
		hashes := [1]infohash.T{hash}
		return httpwire.AppendScrapeQuery(b, hashes[:])
	}
	r := httpwire.AnnounceRequest{
		InfoHash: hash, PeerID: p.PeerID(peer), Port: p.Port(peer), Left: int64(leftOf(p, peer)),
		NumWant: c.o.Want, Key: uint32(peer),
	}
	if c.o.Prefill {
		r.Event = wire.Started
	}
	return r.AppendQuery(b)
}

// sends counts a request that goes out.
func (c *client) sends(kind Kind, at time.Duration) {
	if at < c.from {
		return
	}
	c.tally.Sent[kind]++
	if kind == Announce {
		c.tally.BytesOut += int64(len(c.request))
	}
}

// record counts what came of a request.
func (c *client) record(kind Kind, peer int, answer response, err error, sent, now time.Duration) {
	t := &c.tally
	counts := now >= c.from && now < c.until
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		count(&t.Lost, sent >= c.from)
		return
	case errors.Is(err, errResponse):
		count(&t.Malformed, counts)
		return
	case err != nil: // it hung up, or was never there
		count(&t.Refused, sent >= c.from)
		count(&t.Lost, sent >= c.from)
		return
	}
	t.Heard++
	v, err := judge(answer.body)
	switch {
	case answer.status != 200 || v.failed:
		count(&t.Errors, counts)
	case err != nil || (kind == Scrape && !v.files) || (kind == Announce && !v.told):
		count(&t.Malformed, counts)
	case counts:
		t.Answered[kind]++
		t.Latency.Add(now - sent)
		if kind == Announce {
			t.told(v.peers, c.o.Population.company(peer))
			t.BytesIn += int64(answer.size)
		}
	}
}
