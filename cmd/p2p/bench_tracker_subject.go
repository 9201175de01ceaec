package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"p2p/cmd/p2p/bench/lab"
	"p2p/cmd/p2p/bench/load"
	"p2p/torrentfile/infohash"
)

// trackerPatience is how long a tracker may take until it answers at all.
const trackerPatience = 10 * time.Second

// The names that results go by.
const (
	subjectOwn   = lab.P2P
	subjectGiven = "tracker" // of the URLs
	subjectCore  = "one-core"
)

// subject is what takes its turn: one tracker, or several that are loaded at
// once.
type subject struct {
	name  string
	ends  []load.Endpoint
	urls  []string
	usage []func() (lab.Usage, bool)
	fails func() error // why a process of ours has ended, nil while it runs
	stop  func()
}

// installed reports whether a program that is not ours can be started.
func installed(name string) error {
	switch name {
	case lab.EchoServer, lab.BareServer, subjectCore:
		return nil
	}
	_, err := exec.LookPath(name)
	return err
}

// close ends what launch started.
func (b *trackerBench) close() {
	for _, s := range b.subjects {
		if s.stop != nil {
			s.stop()
		}
	}
	b.folder.Remove() // it is in the folder for temporary files
	lab.StayOn(b.allCores)
}

// launch starts our tracker and its rivals, on cores of their own if there are
// enough.
func (b *trackerBench) launch(ctx context.Context) (err error) {
	host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if b.flags.ipv6 {
		host = netip.IPv6Loopback()
	}
	if err := b.draw(host); err != nil {
		return err
	}
	if b.folder, err = lab.MakeFolder(""); err != nil {
		return err
	}
	b.dir = b.folder.Path
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b.allCores = lab.Cores()
	at := lab.Place{Self: self, Host: host, Dir: b.dir}
	switch {
	case b.flags.share > 0:
		at.Cores, b.loadCores = b.allCores[:min(b.flags.cores, len(b.allCores))], b.allCores
	case len(b.allCores) > b.flags.cores:
		at.Cores, b.loadCores = b.allCores[:b.flags.cores], b.allCores[b.flags.cores:]
	}
	for _, name := range append([]string{subjectOwn}, b.flags.vs...) {
		at := at
		if name == subjectCore {
			at.Cores = b.allCores[:min(1, len(b.allCores))]
		}
		d, err := b.startRival(ctx, name, at)
		if err != nil {
			return err
		}
		if b.flags.share > 0 {
			if err := d.Limit(float64(len(at.Cores)*b.flags.share) / 100); err != nil {
				d.Stop()
				return err
			}
		}
		if err := b.add(ctx, name, d); err != nil {
			return err
		}
	}
	lab.StayOn(b.loadCores)
	return nil
}

func (b *trackerBench) startRival(ctx context.Context, name string, at lab.Place) (*lab.Daemon, error) {
	switch name {
	case subjectOwn, subjectCore:
		return lab.StartTracker(ctx, at, b.flags.with...)
	case lab.OpenTracker:
		return lab.StartOpenTracker(ctx, at, func(yield func(infohash.T) bool) {
			for i := range b.flags.torrents {
				if !yield(b.crowd.InfoHash(i)) {
					return
				}
			}
		})
	}
	return lab.StartPart(ctx, at, name)
}

// add waits until a server of ours answers, and lets it take turns.
func (b *trackerBench) add(ctx context.Context, name string, d *lab.Daemon) error {
	s := subject{
		name: name, ends: []load.Endpoint{{Address: d.Addr}}, urls: []string{b.scheme() + "://" + d.Addr.String()},
		usage: []func() (lab.Usage, bool){d.Usage}, fails: d.Failure, stop: d.Stop,
	}
	b.subjects = append(b.subjects, s)
	ctx, cancel := context.WithTimeout(ctx, trackerPatience)
	defer cancel()
	await := func() error { return load.AwaitUDP(ctx, d.Addr) }
	if b.flags.http {
		await = func() error { return load.AwaitHTTP(ctx, s.ends[0]) }
	}
	if err := await(); err != nil {
		if why := d.Failure(); why != nil {
			return why
		}
		return err
	}
	return nil
}

func (b *trackerBench) scheme() string {
	if b.flags.http {
		return "http"
	}
	return "udp"
}

// draw makes the crowd, as it is seen from host.
func (b *trackerBench) draw(host netip.Addr) (err error) {
	f := b.flags
	b.crowd, err = load.NewPopulation(load.Crowd{
		Torrents: f.torrents, Peers: f.peers, Popularity: f.crowd, Seeds: f.seeders,
		Sources: min(load.Sources(host, f.clients), f.peers), Seed: f.seed,
	})
	return err
}

// resolve finds the trackers of urls, which are one subject together.
func (b *trackerBench) resolve(ctx context.Context, urls []string) error {
	s := subject{name: subjectGiven, urls: urls}
	for i, raw := range urls {
		end, err := b.endpoint(ctx, raw)
		if err != nil {
			return err
		}
		if !end.Address.Addr().IsLoopback() && !b.flags.yes {
			return b.app.usage("usage.bench_tracker_yes", end.Address.Addr())
		}
		s.ends = append(s.ends, end)
		s.usage = append(s.usage, func() (lab.Usage, bool) { return lab.Usage{}, false })
		if len(b.flags.pids) > 0 {
			s.usage[i] = func() (lab.Usage, bool) { return lab.UsageOf(b.flags.pids[i]) }
		}
	}
	b.subjects = []subject{s}
	return b.draw(s.ends[0].Address.Addr())
}

// endpoint reads one URL.
func (b *trackerBench) endpoint(ctx context.Context, raw string) (load.Endpoint, error) {
	a := b.app
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || !slices.Contains([]string{"udp", "http", "https"}, u.Scheme) {
		return load.Endpoint{}, a.usage("usage.bench_tracker_url", raw)
	}
	if (u.Scheme != "udp") != b.flags.http {
		return load.Endpoint{}, a.usage("usage.bench_tracker_one")
	}
	port := map[string]int{"udp": 80, "http": 80, "https": 443}[u.Scheme]
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil || port > 65535 {
			return load.Endpoint{}, a.usage("usage.bench_tracker_url", raw)
		}
	}
	network := "ip4"
	if b.flags.ipv6 || net.ParseIP(u.Hostname()).To4() == nil && net.ParseIP(u.Hostname()) != nil {
		network = "ip6"
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, network, u.Hostname())
	if err != nil {
		return load.Endpoint{}, fmt.Errorf("look up %s: %w", u.Hostname(), err)
	}
	path := u.RequestURI()
	if u.Path == "" || u.Path == "/" {
		path = ""
	}
	return load.Endpoint{
		Address: netip.AddrPortFrom(found[0].Unmap(), uint16(port)), TLS: u.Scheme == "https", Host: u.Host, Path: path,
	}, nil
}
