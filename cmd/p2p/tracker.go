package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
	"p2p/tracker"
)

type trackerFlags struct {
	listen    []string
	tlsListen []string
	tlsCert   string
	tlsKey    string
	proxies   []string

	admin, pprof      string
	topSwarms         int
	snapshot          string
	snapshotEvery     units.Duration
	private           bool
	keys, bans        string
	allow, deny       string
	rate              float64
	interval          units.Duration
	minInterval       units.Duration
	maxWant           int
	maxMemory         units.Size
	data, control     string
	cluster, nats     string
	join              []string
	secret, advertise string
	check             bool
	noPeople          bool
}

func (a *app) trackerCommand() *cobra.Command {
	f := trackerFlags{interval: units.Duration(30 * time.Minute), snapshotEvery: units.Duration(5 * time.Minute)}
	say := a.text.Say
	cmd := &cobra.Command{
		Use:     "tracker",
		Short:   say("tracker.short"),
		Long:    say("tracker.long"),
		Example: say("tracker.examples"),
		Args:    a.none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.track(cmd.Context(), f) },
	}
	flags := groupedFlags{FlagSet: cmd.Flags(), group: say("tracker.group.network")}
	flags.StringArrayVar(&f.listen, "listen", []string{":" + strconv.Itoa(trackerPort)}, say("tracker.listen"))
	flags.StringArrayVar(&f.tlsListen, "tls-listen", nil, say("tracker.tls_listen"))
	flags.StringVar(&f.tlsCert, "tls-cert", "", say("tracker.tls_cert"))
	flags.StringVar(&f.tlsKey, "tls-key", "", say("tracker.tls_key"))
	flags.StringArrayVar(&f.proxies, "trust-proxy", nil, say("tracker.trust_proxy"))
	flags.begin(say("tracker.group.who"))
	flags.BoolVar(&f.private, "private", false, say("tracker.private"))
	flags.BoolVar(&f.noPeople, "no-people", false, say("tracker.no_people"))
	flags.StringVar(&f.keys, "keys", "", say("tracker.keys"))
	flags.StringVar(&f.allow, "allow", "", say("tracker.allow"))
	flags.StringVar(&f.deny, "deny", "", say("tracker.deny"))
	flags.StringVar(&f.bans, "bans", "", say("tracker.bans"))
	flags.Float64Var(&f.rate, "rate", 50, say("tracker.rate"))
	flags.begin(say("tracker.group.answers"))
	flags.Var(&f.interval, "interval", say("tracker.interval"))
	flags.Var(&f.minInterval, "min-interval", say("tracker.min_interval"))
	flags.IntVar(&f.maxWant, "max-numwant", 200, say("tracker.max_numwant"))
	flags.begin(say("tracker.group.state"))
	flags.Var(&f.maxMemory, "max-memory", say("tracker.max_memory"))
	flags.StringVar(&f.data, "data", "", say("tracker.data"))
	flags.StringVar(&f.snapshot, "snapshot", "", say("tracker.snapshot"))
	flags.Var(&f.snapshotEvery, "snapshot-every", say("tracker.snapshot_every"))
	flags.BoolVar(&f.check, "check", false, say("tracker.check"))
	flags.begin(say("tracker.group.operator"))
	flags.StringVar(&f.admin, "admin", "", say("tracker.admin"))
	flags.IntVar(&f.topSwarms, "top-swarms", 0, say("tracker.top_swarms", tracker.MaxTopSwarms))
	flags.StringVar(&f.pprof, "pprof", "", say("tracker.pprof"))
	flags.StringVar(&f.control, "control", "", say("tracker.control"))
	flags.begin(say("tracker.group.cluster"))
	flags.StringVar(&f.cluster, "cluster-listen", "", say("tracker.cluster_listen"))
	flags.StringArrayVar(&f.join, "join", nil, say("tracker.join"))
	flags.StringVar(&f.advertise, "cluster-advertise", "", say("tracker.cluster_advertise"))
	flags.StringVar(&f.secret, "cluster-secret", "", say("tracker.cluster_secret"))
	flags.StringVar(&f.nats, "nats", "", say("tracker.nats"))
	flags.end()
	cmd.AddCommand(a.trackerKeyCommand(), a.trackerBanCommand(), a.trackerReloadCommand(), a.trackerSystemdCommand())
	return cmd
}

// track runs a tracker until somebody stops it, which is how it is meant to end.
func (a *app) track(ctx context.Context, f trackerFlags) error {
	reload := make(chan struct{}, 1)
	a.hangup = func() bool {
		if a.hungUp != nil && a.hungUp() {
			return false // its terminal is gone, and so is whoever started it
		}
		select {
		case reload <- struct{}{}:
		default:
		}
		return true
	}
	ctx, release, _ := a.interruptible(ctx)
	defer release()
	c, err := a.newTrackerConfig(f)
	if err != nil {
		return err
	}
	if f.check {
		return a.trackerChecked(c)
	}
	t, err := a.startService(c)
	if err != nil {
		return err
	}
	if err := a.announceTracker(t); err != nil {
		t.stop()
		return err
	}
	asked, stopAsking := a.statuses()
	defer stopAsking()
	known := make(chan string, 1)
	var looking sync.WaitGroup
	defer looking.Wait()
	look, stopLooking := context.WithCancel(ctx)
	defer stopLooking()
	looking.Go(func() { t.clusterPeopleURL(look, known) })
	for {
		select {
		case url := <-known:
			if err := a.announcePeople(url); err != nil {
				return errors.Join(err, t.stop())
			}
		case <-asked:
			a.display.Print(trackerStatus(time.Now(), t.Service().Stats()))
		case <-reload:
			c.rules.reload()
		case <-t.ended: // before its time: a socket failed
			return t.stop()
		case <-ctx.Done():
			return t.stop()
		}
	}
}

// parseProxies reads networks, or single addresses, of reverse proxies.
func (a *app) parseProxies(list []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			addr, addrErr := netip.ParseAddr(s)
			if addrErr != nil {
				return nil, a.usage("usage.proxy", s)
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		all = append(all, p)
	}
	return all, nil
}

// announceTracker prints what to put into torrents, and where to look.
func (a *app) announceTracker(t *trackerService) error {
	urls := t.announceURLs("")
	if a.globals.json {
		return a.emit(trackerMessage{"start", schema, version, "tracker", t.Addr().String(), urls, t.statsURL(), t.metricsURL(), t.peopleURL()})
	}
	var rows [][2]string
	for i, url := range urls {
		label := ""
		if i == 0 {
			label = a.text.Say("tracker.announce")
		}
		rows = append(rows, [2]string{label, url})
	}
	rows = append(rows, [2]string{a.text.Say("tracker.stats"), t.statsURL()})
	if url := t.metricsURL(); url != "" {
		rows = append(rows, [2]string{a.text.Say("tracker.metrics"), url})
	}
	if url := t.peopleURL(); url != "" {
		rows = append(rows, [2]string{a.text.Say("tracker.people"), url})
	}
	return a.printRows(rows)
}

// trackerChecked says what --check has found.
func (a *app) trackerChecked(c *trackerConfig) error {
	rows := [][2]string{{a.text.Say("tracker.checked"), strings.Join(c.listenStrings(), " ")}}
	for _, file := range c.rules.files {
		rows = append(rows, [2]string{"--" + file.flag, fmt.Sprintf("%s: %s", file.path, a.text.Count("count.entries", file.entries))})
	}
	if a.globals.json {
		return a.emit(map[string]any{"message_type": "checked", "listen": c.listenStrings(), "files": c.rules.state()})
	}
	return a.printRows(rows)
}

// printRows writes labels and values on stdout, the values below each other.
func (a *app) printRows(rows [][2]string) error {
	width := 0
	for _, r := range rows {
		width = max(width, progress.Width(r[0]))
	}
	for _, r := range rows {
		if _, err := fmt.Fprintf(a.out, "%s  %s\n", progress.Pad(r[0], width), text.Printable(r[1])); err != nil {
			return err
		}
	}
	return nil
}

// trackerStatus is the answer to SIGUSR1.
func trackerStatus(now time.Time, s tracker.Stats) string {
	return fmt.Sprintf("%s tracker swarms=%d seeders=%d leechers=%d announces/s=%.1f uptime=%s",
		now.Format("15:04:05"), s.Swarms, s.Seeders, s.Leechers, s.AnnounceRate,
		units.FormatDuration(s.Uptime, units.English))
}
