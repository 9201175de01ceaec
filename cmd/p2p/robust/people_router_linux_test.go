package robust

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/drive"
)

// behindRouter adds a machine to a hub behind a router of its own, as those of homes are: it has one address outside, and lets nobody
// in. masquerade says how it chooses ports: with nothing more it keeps them.
func behindRouter(t *testing.T, name, outside, masquerade string) *machine {
	t.Helper()
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("needs nft, of nftables")
	}
	router := plugIn(t, name+"-router", outside)
	m := &machine{t: t, name: name, addr: "192.168.1.2/24"}
	run(t, "ip", "netns", "add", name)
	router.ip("link", "add", "home", "type", "veth", "peer", "name", "cable", "netns", name)
	router.ip("addr", "add", "192.168.1.1/24", "dev", "home")
	router.ip("link", "set", "home", "up")
	m.ip("addr", "add", m.addr, "dev", "cable")
	for _, dev := range []string{"lo", "cable"} {
		m.ip("link", "set", dev, "up")
	}
	m.ip("route", "add", "default", "via", "192.168.1.1")
	run(t, "ip", "netns", "exec", router.name, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	nft := exec.Command("ip", "netns", "exec", router.name, "nft", "-f", "-")
	nft.Stdin = strings.NewReader(fmt.Sprintf(`table ip home {
 chain out { type nat hook postrouting priority 100; oifname "cable" masquerade %s; }
 chain through { type filter hook forward priority 0; iifname "cable" ct state new,invalid drop; }
 chain in { type filter hook input priority 0; iifname "cable" ct state new,invalid drop; }
}`, masquerade))
	if out, err := nft.CombinedOutput(); err != nil {
		t.Skipf("needs nftables with NAT: %v: %s", err, out)
	}
	return m
}

// TestTwoBehindRoutersTalk has two people of whom each is behind a router that lets nobody in. All that they have in common is a tracker.
func TestTwoBehindRoutersTalk(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	if !ownNetwork(t) {
		return
	}
	hub(t, "203.0.113.1/24")
	homes := []*machine{behindRouter(t, "alice", "203.0.113.2/24", ""), behindRouter(t, "bob", "203.0.113.3/24", "")}
	tracker := startTracker(t, "203.0.113.1:6969").Started(soon)
	alice, bob := homes[0].person("--tracker", tracker.Announce[0]), homes[1].person("--tracker", tracker.Announce[0])
	began := time.Now()
	befriend(t, alice, bob)
	t.Logf("they meet after %v", time.Since(began))
	for _, p := range []*person{alice, bob} {
		other := map[*person]string{alice: "bob", bob: "alice"}[p]
		drive.Eventually(t, soon, p.name+" does not reach "+other+" directly", func() bool { return p.contact(other).Path == p2pv1.Path_PATH_DIRECT })
		p.says(other, "hello from "+p.name)
	}
	alice.hears("bob", "hello from bob")
	bob.hears("alice", "hello from alice")
	message, path := alice.offers(bob, 16*mib)
	began = time.Now()
	ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: message})
	drive.SameTree(t, path, bob.transferred(message))
	t.Logf("a file of 16 MiB is there after %v", time.Since(began))

	bob.kill()
	homes[1].on(bob.start)
	began = time.Now()
	alice.says("bob", "hello again")
	bob.hears("alice", "hello again")
	t.Logf("who was killed hears again after %v", time.Since(began))
}
