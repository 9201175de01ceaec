package cluster_test

import (
	"sync"
	"testing"

	"p2p/tracker/cluster"
)

func TestABroadcastReachesTheOtherNodesInOrderAndNotItsSender(t *testing.T) {
	t.Parallel()
	nodes := three(t, nil)
	var mu sync.Mutex
	heard := make([]string, len(nodes))
	var casts []*cluster.Broadcast
	for i, n := range nodes {
		b := n.Broadcast("test")
		stop, err := b.Subscribe(func(m []byte) {
			mu.Lock()
			defer mu.Unlock()
			heard[i] += string(m)
		})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		casts = append(casts, b)
	}
	// Routes learn of subscriptions a moment after these are made.
	eventually(t, "a message arrives", func() bool {
		if err := casts[0].Publish([]byte("x")); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		return heard[1] != "" && heard[2] != ""
	})
	for _, c := range "abcdefgh" {
		if err := casts[0].Publish([]byte(string(c))); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all arrive in order", func() bool {
		mu.Lock()
		defer mu.Unlock()
		ends := func(s string) bool { return len(s) > 8 && s[len(s)-8:] == "abcdefgh" }
		return ends(heard[1]) && ends(heard[2]) && heard[0] == ""
	})
}

func TestANodeAloneTellsNobody(t *testing.T) {
	b := start(t, cluster.Options{}).Broadcast("test")
	stop, err := b.Subscribe(func([]byte) { t.Error("something was heard") })
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Publish([]byte("x")); err != nil {
		t.Error(err)
	}
	stop()
}
