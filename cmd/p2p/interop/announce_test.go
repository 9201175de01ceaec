//go:build interop && linux

package interop

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"p2p/cmd/p2p/drive"
)

// modulesEnv is the folder into which .ci/npm has put the modules of node.
const modulesEnv = "P2P_INTEROP_MODULES"

var webtorrentScript, _ = filepath.Abs("../../../testdata/interop/webtorrent_client.mjs")

// families are the addresses that a tracker can be asked at.
var families = []struct {
	name string
	addr func() netip.Addr
}{{"IPv4", newAddr}, {"IPv6", newAddr6}}

// webtorrentTold is what WebTorrent's client was told.
type webtorrentTold struct {
	Peers    []string
	Update   struct{ Complete, Incomplete, Interval int }
	Scrape   struct{ Complete, Incomplete, Downloaded int }
	Warnings []string
}

// announceAsWebtorrent starts WebTorrent's client and returns what it was told.
func announceAsWebtorrent(t *testing.T, announce, hash string, port, left int) (*drive.Process, webtorrentTold) {
	t.Helper()
	p := drive.Start(t, drive.Command{Name: "webtorrent", Path: "node", Args: []string{
		webtorrentScript, os.Getenv(modulesEnv), announce, hash, fmt.Sprint(port), fmt.Sprint(left)}})
	var told webtorrentTold
	drive.Eventually(t, patience, "webtorrent's client gets no answer", func() bool {
		line, _, whole := strings.Cut(p.Out(), "\n")
		return whole && json.Unmarshal([]byte(line), &told) == nil
	})
	return p, told
}

func TestWebtorrentsClientAnnouncesAndScrapes(t *testing.T) {
	needModules(t)
	for _, k := range trackerKinds[:2] {
		for _, family := range families {
			t.Run(k.scheme+" "+family.name, func(t *testing.T) {
				if k.scheme == "udp" && family.name == "IPv6" {
					t.Skip("it asks UDP trackers over IPv4 alone")
				}
				t.Parallel()
				at := family.addr()
				s := newSwarm(t, contents[0], k, at)
				hash := s.meta.InfoHash.String()
				seed, told := announceAsWebtorrent(t, k.announceURL(at), hash, 7001, 0)
				if told.Update.Complete != 1 || told.Scrape.Complete != 1 || len(told.Peers) != 0 {
					t.Errorf("the seed is told %+v", told)
				}
				leech, told := announceAsWebtorrent(t, k.announceURL(at), hash, 7002, 100)
				if told.Update.Complete != 1 || told.Update.Incomplete != 1 || told.Scrape.Incomplete != 1 || len(told.Warnings) > 0 ||
					len(told.Peers) != 1 || !strings.HasSuffix(told.Peers[0], ":7001") {
					t.Errorf("the leech is told %+v", told)
				}
				for _, p := range []*drive.Process{seed, leech} {
					p.Signal(syscall.SIGTERM)
					p.WantExit(0, patience)
				}
				drive.Eventually(t, patience, "the tracker still counts those who have left", func() bool {
					return scrape(t, at, s.meta.InfoHash) == counts{}
				})
			})
		}
	}
}

// needModules skips the test, or fails it if it must run, when there is no node or
// no client for it.
func needModules(t *testing.T) {
	t.Helper()
	need(t, "node")
	for _, module := range []string{"bittorrent-tracker", "@grpc/grpc-js", "@grpc/proto-loader"} {
		_, err := os.Stat(filepath.Join(os.Getenv(modulesEnv), "node_modules", module))
		switch {
		case err == nil:
		case mustCode() != 0:
			t.Fatalf("%s is not where .ci/npm puts modules: %v", modulesEnv, err)
		default:
			t.Skip(module + " is missing; .ci/npm installs it")
		}
	}
}

func TestLibtorrentAnnouncesAndScrapes(t *testing.T) {
	need(t, libtorrent{}.programs()...)
	for _, k := range trackerKinds[:2] {
		for _, family := range families {
			t.Run(k.scheme+" "+family.name, func(t *testing.T) {
				t.Parallel()
				at, seed := family.addr(), family.addr()
				s := newSwarm(t, contents[0], k, at)
				s.awaitSeeds(t, ours{}.seed(t, job{torrent: s.torrent, dir: s.source, at: seed}))
				var told struct{ Peers, Complete, Incomplete int }
				out := output(t, python, libtorrentScript, "scrape", s.torrent, t.TempDir(), job{at: family.addr()}.listen())
				if err := json.Unmarshal([]byte(out), &told); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				if told.Peers != 1 || told.Complete != 1 || told.Incomplete != 1 {
					t.Errorf("it is told %+v", told)
				}
			})
		}
	}
}

func TestTransmissionAnnouncesAndScrapes(t *testing.T) {
	need(t, transmission{}.programs()...)
	for _, k := range trackerKinds[:2] {
		for _, family := range families {
			t.Run(k.scheme+" "+family.name, func(t *testing.T) {
				t.Parallel()
				at, k := family.addr(), k // the other family runs beside this one
				if at.Is6() {
					k = k.byName()
				}
				s := newSwarm(t, contents[0], k, at)
				d := transmission{}.start(t, "transmission seed", job{torrent: s.torrent, dir: s.source, at: family.addr()})
				type stats struct {
					Announced bool `json:"lastAnnounceSucceeded"`
					Scraped   bool `json:"lastScrapeSucceeded"`
					Seeders   int  `json:"seederCount"`
				}
				var answer struct {
					Torrents []struct {
						Trackers []stats `json:"trackerStats"`
					} `json:"torrents"`
				}
				drive.Eventually(t, patience, "transmission has not announced and scraped", func() bool {
					err := d.call("torrent-get", map[string]any{"fields": []string{"trackerStats"}}, &answer)
					return err == nil && len(answer.Torrents) == 1 && len(answer.Torrents[0].Trackers) == 1 &&
						answer.Torrents[0].Trackers[0] == stats{true, true, 1}
				})
			})
		}
	}
}
