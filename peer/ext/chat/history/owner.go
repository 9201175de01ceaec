package history

import "p2p/peer/identity"

// Belong says whose archive it is, as Options.Account and Options.Device do: for who keeps the keys in
// the settings of the archive itself, under its passphrase. It is called before the first Room, and not while
// other methods run.
func (a *Archive) Belong(account, device identity.Key) {
	a.options.Account, a.options.Device = account, device
}
