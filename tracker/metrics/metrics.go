// Package metrics tells a tracker's figures to Prometheus. Names begin with p2p_tracker_,
// units are base units, and counters end in _total. No label holds an info-hash, an address or
// anything else that a client chose: their number would have no bound.
//
// The format, the process's own figures and those of the Go runtime come from
// github.com/prometheus/client_golang, which every operator's dashboards expect.
package metrics

import (
	"net/http"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"p2p/tracker"
)

// Figure is a value that a part of the tracker adds to the page: the cluster's,
// say. Value is called for each visit of the page, by any goroutine.
type Figure struct {
	Name    string // without the prefix; of a counter with _total
	Help    string
	Labels  map[string]string // tell figures of one name apart; they have the same Help
	Counter bool
	Value   func() float64
}

// prefix begins the names of all figures.
const prefix = "p2p_tracker_"

// Handler returns the page for Prometheus, usually at /metrics. Version is the
// program's. It panics when two figures have the same name and labels.
func Handler(service *tracker.Service, version string, more ...Figure) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{service}, build(version),
	)
	for _, f := range more {
		registry.MustRegister(figure(f))
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// build is the figure that is always 1 and says which program this is.
func build(version string) prometheus.Collector {
	info, _ := debug.ReadBuildInfo()
	golang := ""
	if info != nil {
		golang = info.GoVersion
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "p2p_build_info", Help: "The program.", ConstLabels: prometheus.Labels{"version": version, "goversion": golang},
	}, func() float64 { return 1 })
}

func figure(f Figure) prometheus.Collector {
	if f.Counter {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: prefix + f.Name, Help: f.Help, ConstLabels: f.Labels}, f.Value)
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: prefix + f.Name, Help: f.Help, ConstLabels: f.Labels}, f.Value)
}

// describe makes a figure of the tracker itself.
func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prefix+name, help, labels, nil)
}

var (
	uptime     = describe("uptime_seconds", "Time since the start.")
	torrents   = describe("torrents", "Swarms with at least one peer.")
	peers      = describe("peers", "Addresses that are handed out, by role.", "role")
	families   = describe("peer_addresses", "The same by IP version.", "family")
	requests   = describe("requests_total", "Announces and scrapes, by protocol and what became of them.", "proto", "action", "result")
	connects   = describe("udp_connects_total", "Connection ids handed out over UDP.")
	refused    = describe("refused_total", "Requests that a rule refused, by the reason.", "reason")
	malformed  = describe("malformed_total", "Requests that could not be understood.")
	unverified = describe("udp_unverified_total", "Packets dropped for want of a valid connection id.")
	dropped    = describe("udp_dropped_total", "Answers that the system did not take.")

	memory       = describe("store_memory_bytes", "Memory that the peers take.")
	memoryLimit  = describe("store_memory_limit_bytes", "Memory that the peers may take.")
	evicted      = describe("store_evicted_torrents_total", "Swarms of one peer that made room for others.")
	replaced     = describe("store_replaced_peers_total", "Peers replaced by others of their address.")
	refusedPeers = describe("store_refused_peers_total", "Peers that the store had no room for, by what was used up.", "limit")
	expired      = describe("expired_peers_total", "Peers forgotten because they were silent for too long.")
	expiry       = describe("expiry_duration_seconds", "How long the search for silent peers took.")
	expiryLast   = describe("expiry_last_duration_seconds", "How long it took the last time.")
)

// collector reads the Service's figures in one go, so that they belong together.
type collector struct{ service *tracker.Service }

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, to) }

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := c.service.Stats()
	m := sink(to)
	m.gauge(uptime, s.Uptime.Seconds())
	m.gauge(torrents, float64(s.Swarms))
	m.gauge(peers, float64(s.Seeders), "seeder")
	m.gauge(peers, float64(s.Leechers), "leecher")
	m.gauge(families, float64(s.Seeders+s.Leechers-s.IPv6), "ipv4")
	m.gauge(families, float64(s.IPv6), "ipv6")
	for transport, proto := range [...]string{tracker.HTTP: "http", tracker.UDP: "udp"} {
		m.results(s.Announces[transport], proto, "announce")
		m.results(s.Scrapes[transport], proto, "scrape")
	}
	for cause, n := range s.RefusedFor {
		m.counter(refused, n, tracker.Cause(cause).String())
	}
	m.counter(connects, s.Connects)
	m.counter(malformed, s.Malformed)
	m.counter(unverified, s.Unverified)
	m.counter(dropped, s.Dropped)
	if p := s.Pressure; p != nil {
		m.gauge(memory, float64(p.Memory))
		m.gauge(memoryLimit, float64(p.MaxMemory))
		m.counter(evicted, p.Evicted)
		m.counter(replaced, p.Replaced)
		m.counter(refusedPeers, p.RefusedQuota, "quota")
		m.counter(refusedPeers, p.RefusedFull, "memory")
	}
	m.counter(expired, s.Expiry.Removed)
	to <- prometheus.MustNewConstSummary(expiry, s.Expiry.Runs, s.Expiry.Total.Seconds(), nil)
	m.gauge(expiryLast, s.Expiry.Last.Seconds())
}

// sink takes figures.
type sink chan<- prometheus.Metric

func (to sink) gauge(d *prometheus.Desc, v float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (to sink) counter(d *prometheus.Desc, v uint64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func (to sink) results(r tracker.ResultTotals, proto, action string) {
	to.counter(requests, r.Answered, proto, action, "ok")
	to.counter(requests, r.Refused, proto, action, "refused")
	to.counter(requests, r.Failed, proto, action, "failed")
}
