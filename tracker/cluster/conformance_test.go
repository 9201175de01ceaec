package cluster_test

import (
	"fmt"
	"testing"

	"p2p/tracker"
	"p2p/tracker/cluster"
	"p2p/tracker/ledger"
	"p2p/tracker/ledger/ledgertest"
	"p2p/tracker/storetest"
)

func TestStoreOfALoneNode(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) tracker.Store {
		return start(t, cluster.Options{Now: frozen}).Store()
	})
}

func TestStoreOfANodeWithALedger(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) tracker.Store {
		return start(t, cluster.Options{Now: frozen, Dir: t.TempDir()}).Store()
	})
}

// The other two nodes hear everything, and nothing that they say comes back.
func TestStoreOfANodeAmongThree(t *testing.T) {
	t.Parallel()
	url := natsServer(t)
	storetest.Run(t, func(t *testing.T) tracker.Store {
		return threeOver(t, url, func(o *cluster.Options) { o.Now = frozen })[0].Store()
	})
}

func TestLedgerOfALoneNode(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(t *testing.T) ledger.Ledger {
		return start(t, cluster.Options{Dir: t.TempDir()}).Ledger()
	})
}

func TestLedgerAmongThreeNodes(t *testing.T) {
	t.Parallel()
	node := three(t, nil)[1]
	ledgertest.Run(t, func(t *testing.T) ledger.Ledger {
		return node.LedgerNamed(fmt.Sprint("test", names.Add(1)))
	})
}
