package cluster

// LedgerNamed returns a ledger beside that of the node, on three replicas.
func (n *Node) LedgerNamed(name string) *Ledger { return newLedger(n.ledger.js, name, maxReplicas) }
