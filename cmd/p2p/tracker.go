package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
	"p2p/tracker"
)

type trackerFlags struct {
	listen      string
	interval    units.Duration
	minInterval units.Duration
	maxWant     int
	proxies     []string
}

func (a *app) trackerCommand() *cobra.Command {
	f := trackerFlags{interval: units.Duration(30 * time.Minute)}
	cmd := &cobra.Command{
		Use:     "tracker",
		Short:   a.text.Say("tracker.short"),
		Long:    a.text.Say("tracker.long"),
		Example: a.text.Say("tracker.examples"),
		Args:    a.none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.track(cmd.Context(), f) },
	}
	say := a.text.Say
	cmd.Flags().StringVar(&f.listen, "listen", fmt.Sprintf(":%d", trackerPort), say("tracker.listen"))
	cmd.Flags().Var(&f.interval, "interval", say("tracker.interval"))
	cmd.Flags().Var(&f.minInterval, "min-interval", say("tracker.min_interval"))
	cmd.Flags().IntVar(&f.maxWant, "max-numwant", 200, say("tracker.max_numwant"))
	cmd.Flags().StringArrayVar(&f.proxies, "trust-proxy", nil, say("tracker.trust_proxy"))
	return cmd
}

// track runs a tracker until somebody stops it, which is how it is meant to end.
func (a *app) track(ctx context.Context, f trackerFlags) error {
	listen, err := a.parseListen(f.listen)
	if err != nil {
		return err
	}
	proxies, err := a.parseProxies(f.proxies)
	if err != nil {
		return err
	}
	ctx, release, _ := a.interruptible(ctx)
	defer release()
	t, err := a.startTracker(listen, tracker.Options{
		Interval: time.Duration(f.interval), MinInterval: time.Duration(f.minInterval), MaxWant: f.maxWant,
	}, proxies)
	if err != nil {
		return err
	}
	if err := a.announceTracker(t); err != nil {
		t.stop()
		return err
	}
	asked, stopAsking := a.statuses()
	defer stopAsking()
	for {
		select {
		case <-asked:
			a.display.Print(trackerStatus(time.Now(), t.Service().Stats()))
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
func (a *app) announceTracker(t *localTracker) error {
	http, udp := t.announceURLs()
	stats := "http://" + t.hostPort() + "/"
	if a.globals.json {
		return a.emit(trackerMessage{"start", schema, version, "tracker", t.Addr().String(), []string{http, udp}, stats})
	}
	return a.printRows([][2]string{
		{a.text.Say("tracker.announce"), http},
		{"", udp},
		{a.text.Say("tracker.stats"), stats},
	})
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
