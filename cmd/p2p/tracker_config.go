package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"p2p/tracker"
	"p2p/tracker/cluster"
	"p2p/tracker/ledger"
	"p2p/tracker/memory"
)

// trackerConfig is what the flags of a tracker mean, checked, with its files
// read. Nothing has been started or written yet.
type trackerConfig struct {
	listen, tlsListen []netip.AddrPort
	proxies           []netip.Prefix
	options           tracker.Options
	memory            memory.Options
	limit             int64           // of the whole process, in bytes; 0 for none
	admin, pprof      *netip.AddrPort // nil for none
	snapshot          string          // file; empty for none
	snapshotEvery     time.Duration   // 0 for only at the end
	data, control     string
	defaultControl    bool // nobody asked for the control socket
	cluster           cluster.Options
	people            bool  // whether the directory is served
	peopleMemory      int64 // 0 for its default
	rules             *trackerRules
	kept              *laterLedger // where the rules keep hard state
}

// laterLedger is a ledger that is chosen after those who use it were made.
type laterLedger struct{ ledger.Ledger }

// newTrackerConfig checks the flags and reads the files that they name.
func (a *app) newTrackerConfig(f trackerFlags) (*trackerConfig, error) {
	c := &trackerConfig{data: f.data, people: !f.noPeople, limit: int64(f.maxMemory), kept: &laterLedger{new(ledger.Memory)}}
	var err error
	if c.listen, err = a.parseListens("listen", f.listen...); err != nil {
		return nil, err
	}
	if c.tlsListen, err = a.parseListens("tls-listen", f.tlsListen...); err != nil {
		return nil, err
	}
	if err := a.operatorOptions(c, f); err != nil {
		return nil, err
	}
	if c.proxies, err = a.parseProxies(f.proxies); err != nil {
		return nil, err
	}
	switch {
	case (f.tlsCert == "") != (f.tlsKey == "") || (f.tlsCert == "") != (len(f.tlsListen) == 0):
		return nil, a.usage("usage.tracker_tls")
	case f.keys != "" && !f.private:
		return nil, a.usage("usage.tracker_keys")
	case f.private && f.keys == "" && f.data == "" && f.nats == "":
		return nil, a.usage("usage.tracker_private")
	case f.rate < 0 || f.rate > 10_000:
		return nil, a.usage("usage.tracker_rate")
	}
	interval := max(time.Duration(f.interval), time.Minute)
	c.options = tracker.Options{
		Interval: interval, MinInterval: time.Duration(f.minInterval), MaxWant: f.maxWant,
		PeerTTL: 2 * interval, TopSwarms: f.topSwarms,
	}
	c.control, c.defaultControl = f.control, f.control == ""
	if c.defaultControl {
		c.control = a.controlPath()
	}
	if err := a.clusterOptions(c, f); err != nil {
		return nil, err
	}
	if c.rules, err = a.newTrackerRules(f, c); err != nil {
		return nil, err
	}
	c.options.Policy = c.rules.policy()
	return c, a.divideMemory(c)
}

// operatorOptions puts the flags about pages and snapshots into c.
func (a *app) operatorOptions(c *trackerConfig, f trackerFlags) error {
	for _, page := range []struct {
		flag, value string
		at          **netip.AddrPort
	}{{"admin", f.admin, &c.admin}, {"pprof", f.pprof, &c.pprof}} {
		if page.value == "" {
			continue
		}
		at, err := a.parseListens(page.flag, page.value)
		if err != nil {
			return err
		}
		*page.at = &at[0]
	}
	if c.pprof != nil && !c.pprof.Addr().Unmap().IsLoopback() {
		return a.usage("usage.tracker_pprof", f.pprof)
	}
	if f.topSwarms < 0 || f.topSwarms > tracker.MaxTopSwarms {
		return a.usage("usage.tracker_top", tracker.MaxTopSwarms)
	}
	c.snapshotEvery = time.Duration(f.snapshotEvery)
	switch {
	case f.snapshot == snapshotOff || f.snapshot == "" && f.data == "":
	case f.snapshot == "":
		c.snapshot = filepath.Join(f.data, snapshotName)
	default:
		c.snapshot = f.snapshot
		dir := filepath.Dir(f.snapshot)
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return a.usage("usage.tracker_snapshot", f.snapshot, dir)
		}
		if info, err := os.Stat(f.snapshot); err == nil && !info.Mode().IsRegular() {
			return a.usage("usage.tracker_snapshot_file", f.snapshot)
		}
	}
	return nil
}

// clusterOptions puts the flags about other trackers into c.
func (a *app) clusterOptions(c *trackerConfig, f trackerFlags) error {
	if len(f.join) > 0 && f.cluster == "" || f.nats != "" && f.cluster != "" {
		return a.usage("usage.tracker_cluster")
	}
	if f.cluster != "" && f.data == "" {
		return a.usage("usage.tracker_cluster_data")
	}
	// Who gives all trackers the same list names each to itself. The list says how
	// many there are to be, so that one must not count.
	others := slices.DeleteFunc(slices.Clone(f.join), func(addr string) bool {
		return addr == f.cluster || addr == f.advertise
	})
	c.cluster = cluster.Options{
		Listen: f.cluster, Advertise: f.advertise, Join: others, NATS: f.nats, Dir: f.data,
		PeerTTL: c.options.PeerTTL, Log: a.log,
	}
	if f.secret != "" {
		secret, err := os.ReadFile(f.secret)
		if err != nil {
			return err
		}
		if c.cluster.Secret = bytes.TrimSpace(secret); len(c.cluster.Secret) < cluster.MinSecret {
			return a.usage("usage.tracker_secret", f.secret, cluster.MinSecret)
		}
	}
	return nil
}

// clustered reports whether there can be other nodes.
func (c *trackerConfig) clustered() bool { return c.cluster.Listen != "" || c.cluster.NATS != "" }

// nodeName returns what this tracker is called among those that share a ledger:
// the same after a restart. That two have the same name costs them time, no more.
func (c *trackerConfig) nodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "tracker"
	}
	port := 0
	if len(c.listen) > 0 {
		port = int(c.listen[0].Port())
	}
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, host[:min(len(host), 40)])
	return fmt.Sprintf("%s-%d", safe, port)
}

// parseListens reads the values of a flag that are as those of --listen.
func (a *app) parseListens(flag string, list ...string) ([]netip.AddrPort, error) {
	var all []netip.AddrPort
	for _, s := range list {
		addr, err := a.parseListen(s)
		if err != nil {
			return nil, a.usage("usage.tracker_address", flag, s)
		}
		all = append(all, addr)
	}
	return all, nil
}

// listenStrings returns all addresses to listen on.
func (c *trackerConfig) listenStrings() []string {
	var all []string
	for _, addr := range append(c.listen[:len(c.listen):len(c.listen)], c.tlsListen...) {
		all = append(all, hostPort(addr))
	}
	return all
}
