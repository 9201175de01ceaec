package load_test

import (
	"math"
	"testing"

	"p2p/cmd/p2p/bench/load"
	"p2p/torrentfile/infohash"
)

func population(t *testing.T, c load.Crowd) *load.Population {
	t.Helper()
	p, err := load.NewPopulation(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The share of the first torrents must be what the formula of the law says: its
// weights are written down here a second time, on purpose.
func TestTorrentsGetThePeersThatTheirWeightPromises(t *testing.T) {
	const torrents, peers, head = 1000, 200_000, 20
	for name, weight := range map[string]func(i float64) float64{
		"even":     func(float64) float64 { return 1 },
		"exp:500":  func(i float64) float64 { return 1.0*torrents/peers + math.Exp(6.5-500*i/torrents) },
		"zipf:1":   func(i float64) float64 { return 1 / (i + 1) },
		"zipf:0.7": func(i float64) float64 { return math.Pow(i+1, -0.7) },
	} {
		law, err := load.ParsePopularity(name)
		if err != nil || law.String() != name {
			t.Fatalf("%s is read as %v, %v", name, law, err)
		}
		p := population(t, load.Crowd{Torrents: torrents, Peers: peers, Popularity: law, Sources: 1, Seed: 7})
		all, want := 0.0, 0.0
		for i := range torrents {
			all += weight(float64(i))
			if i < head {
				want += weight(float64(i))
			}
		}
		got, sum := 0, 0
		for i := range torrents {
			n, _ := p.Swarm(i)
			if sum += n; i < head {
				got += n
			}
		}
		if share := float64(got) / peers; math.Abs(share-want/all) > 0.005 || sum != peers {
			t.Errorf("%s: the first %d of %d torrents have %.4f of %d peers; want %.4f", name, head, torrents, share, sum, want/all)
		}
	}
}

func TestPopularitiesThatMakeNoSenseAreRefused(t *testing.T) {
	for _, s := range []string{"", "exp", "even:1", "zipf:", "zipf:-1", "zipf:NaN", "exp:1e9", "pareto:1", "exp:1:2"} {
		if p, err := load.ParsePopularity(s); err == nil {
			t.Errorf("%q is read as %v", s, p)
		}
	}
}

func TestMixesThatMakeNoSenseAreRefused(t *testing.T) {
	for _, s := range []string{"", "1", "0:0:0", "1:2", "1:2:3:4", "-1:2:3", "1:x:3", "99999999:1:1"} {
		if m, err := load.ParseMix(s); err == nil {
			t.Errorf("%q is read as %v", s, m)
		}
	}
	if m, err := load.ParseMix("5:100:1"); err != nil || m.String() != "5:100:1" {
		t.Errorf("5:100:1 is read as %v, %v", m, err)
	}
}

// aquatic's load test gave all peers one id, and trackers that know peers by it
// returned no peers at all.
func TestNoTwoPeersAreTheSame(t *testing.T) {
	const peers = 300_000
	p := population(t, load.Crowd{Torrents: 50, Peers: peers, Sources: 16, Seeds: 0.75, Seed: 1})
	ids, places, seeds := map[[20]byte]bool{}, map[[2]int]bool{}, 0
	for i := range peers {
		ids[p.PeerID(i)] = true
		places[[2]int{p.Source(i), int(p.Port(i))}] = true
		if p.Port(i) < 1024 {
			t.Fatalf("peer %d has port %d", i, p.Port(i))
		}
		if p.Seeder(i) {
			seeds++
		}
	}
	if len(ids) != peers || len(places) != peers {
		t.Errorf("%d peers have %d ids and %d addresses", peers, len(ids), len(places))
	}
	if share := float64(seeds) / peers; math.Abs(share-0.75) > 0.005 {
		t.Errorf("%.4f of the peers are seeds", share)
	}
	hashes := map[infohash.T]bool{}
	for i := range 50 {
		hashes[p.InfoHash(i)] = true
	}
	if len(hashes) != 50 {
		t.Errorf("50 torrents have %d info-hashes", len(hashes))
	}
}

func TestTheSameSeedDrawsTheSameCrowd(t *testing.T) {
	c := load.Crowd{Torrents: 100, Peers: 1000, Popularity: load.Popularity{Law: load.Zipf, Skew: 1}, Sources: 4, Seeds: 0.5, Seed: 3}
	a, b := population(t, c), population(t, c)
	c.Seed = 4
	other, differs := population(t, c), false
	for i := range c.Peers {
		if a.Torrent(i) != b.Torrent(i) || a.PeerID(i) != b.PeerID(i) || a.Seeder(i) != b.Seeder(i) {
			t.Fatalf("peer %d is not the same", i)
		}
		differs = differs || a.Torrent(i) != other.Torrent(i)
	}
	if !differs || a.InfoHash(0) == other.InfoHash(0) || a.PeerID(0) == other.PeerID(0) {
		t.Error("another seed draws the same crowd")
	}
}

func TestCrowdsOfNobodyAreRefused(t *testing.T) {
	for _, c := range []load.Crowd{
		{Peers: 1, Sources: 1}, {Torrents: 1, Sources: 1}, {Torrents: 1, Peers: 1}, {Torrents: 1, Peers: 1, Sources: 2},
	} {
		if _, err := load.NewPopulation(c); err == nil {
			t.Errorf("%+v was drawn", c)
		}
	}
}
