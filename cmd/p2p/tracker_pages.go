package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"p2p/tracker/cluster"
	"p2p/tracker/httpfront"
	"p2p/tracker/metrics"
	"p2p/tracker/serve"
)

// bindPages opens the listeners for the operator and puts them into sockets.
func (t *trackerService) bindPages(sockets *serve.Sockets) error {
	var err error
	if at := t.config.admin; at != nil {
		if sockets.Admin, err = net.Listen("tcp", hostPort(*at)); err != nil {
			return errors.Join(t.noPage("admin", *at, err), sockets.Close())
		}
		t.admin = sockets.Admin.Addr()
	}
	if at := t.config.pprof; at != nil {
		if sockets.Profiles, err = httpfront.ListenLoopback(hostPort(*at)); err != nil {
			return errors.Join(t.noPage("pprof", *at, err), sockets.Close())
		}
	}
	return nil
}

// noPage says for which flag a listener could not be opened.
func (t *trackerService) noPage(flag string, at netip.AddrPort, err error) error {
	if isErrno(portBusyErrnos)(err) {
		return t.app.fail(exitPortBusy, "tracker.page_busy", flag, hostPort(at))
	}
	return fmt.Errorf("--%s: %w", flag, err)
}

// adminURL returns where the operator finds the pages, empty if clients have them
// too.
func (t *trackerService) adminURL() string {
	if t.admin == nil {
		return ""
	}
	at := t.admin.(*net.TCPAddr).AddrPort()
	return "http://" + netip.AddrPortFrom(reachable(at.Addr().Unmap()), at.Port()).String()
}

// statsURL returns where people look.
func (t *trackerService) statsURL() string {
	if url := t.adminURL(); url != "" {
		return url + "/"
	}
	return "http://" + t.hostPort() + "/"
}

// metricsURL returns where Prometheus looks, empty for nowhere.
func (t *trackerService) metricsURL() string {
	if url := t.adminURL(); url != "" {
		return url + "/metrics"
	}
	return ""
}

// otherNodes returns the other trackers of the service for the pages.
func otherNodes(n *cluster.Node) []httpfront.Node {
	var all []httpfront.Node
	for _, m := range n.Nodes() {
		all = append(all, httpfront.Node{
			Name: m.Label, Alive: m.Alive, Synced: m.Synced && !m.Missing, Peers: m.Peers, Swarms: m.Swarms,
			UptimeSeconds: int64(m.Uptime / time.Second), SilentSeconds: int64(m.Lag / time.Second),
		})
	}
	return all
}

// clusterFigures tell how a node gets on with the others.
func clusterFigures(n *cluster.Node) []metrics.Figure {
	c := n.Counters()
	gauge := func(name, help string, value func() float64) metrics.Figure {
		return metrics.Figure{Name: "cluster_" + name, Help: help, Value: value}
	}
	counter := func(name, help string, count *atomic.Uint64) metrics.Figure {
		return metrics.Figure{Name: "cluster_" + name + "_total", Help: help, Counter: true,
			Value: func() float64 { return float64(count.Load()) }}
	}
	return []metrics.Figure{
		gauge("nodes", "Nodes that are there, with this one.", func() float64 {
			count := 1.0
			for _, m := range n.Nodes() {
				if m.Alive {
					count++
				}
			}
			return count
		}),
		gauge("ready", "1 when this node knows what the others know and can write to the ledger.", func() float64 {
			if n.Ready() != nil {
				return 0
			}
			return 1
		}),
		gauge("completions_unwritten", "Finished downloads that are not in the ledger yet.", func() float64 { return float64(n.Unwritten()) }),
		counter("deltas_made", "Announces here that were news to the others.", &c.DeltasMade),
		counter("deltas_dropped", "Of those, thrown away while NATS was not there.", &c.DeltasDropped),
		counter("deltas_applied", "Announces elsewhere that were news here.", &c.DeltasApplied),
		counter("deltas_stale", "Announces elsewhere that were known better here.", &c.DeltasStale),
		counter("deltas_full", "Announces elsewhere for which there was no room here.", &c.Full),
		counter("batches_sent", "Messages with announces that were sent.", &c.BatchesOut),
		counter("batches_received", "Messages with announces that came.", &c.BatchesIn),
		counter("sent_bytes", "Bytes of all messages that were sent, once for all receivers.", &c.BytesOut),
		counter("received_bytes", "Bytes of all messages that came.", &c.BytesIn),
		counter("ignored", "Messages that were malformed or of another version.", &c.Ignored),
		counter("gaps", "Times that messages of another node were missing.", &c.Gaps),
		counter("syncs", "Times that another node was asked for what was missed.", &c.Syncs),
		counter("sync_deltas", "Peers that were sent to nodes that asked.", &c.SyncDeltas),
		counter("slow", "Times that this node could not follow.", &c.Slow),
		counter("completions", "Finished downloads written to the ledger.", &c.Completions),
		counter("completions_lost", "Finished downloads that were not, because too many waited.", &c.CompletionsLost),
	}
}
