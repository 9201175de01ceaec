// Package ledgertest is the conformance suite of ledger.Ledger. An
// implementation passes when Run does:
//
//	func TestConformance(t *testing.T) {
//		ledgertest.Run(t, func(t *testing.T) ledger.Ledger { return open(t) })
//	}
package ledgertest
