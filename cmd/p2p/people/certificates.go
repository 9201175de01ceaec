package people

import (
	"maps"
	"slices"
	"sync"

	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

// certificates is what is known of whose a device is. Its methods may be called by any goroutine.
type certificates struct {
	mu      sync.Mutex
	devices map[identity.Key]identity.Certificate // the latest of each
	changed bool                                  // since it was kept
}

// maxCertificates bounds the devices of all accounts together that are known, maxDevices those of one: as many as a directory takes,
// which says so to the one too many.
const (
	maxDevices      = dirwire.MaxDevices
	maxCertificates = 16 << 10
)

func newCertificates() *certificates {
	return &certificates{devices: map[identity.Key]identity.Certificate{}}
}

// forget makes c empty: the node is another person's, or nobody's.
func (c *certificates) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.devices)
	c.changed = false
}

// add takes in a certificate, whose signature was verified, and reports whether it is news.
func (c *certificates) add(cert identity.Certificate) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, known := c.devices[cert.Device]
	switch {
	case known && have.Account != cert.Account:
		return false // a device is the account's that certified it first: nobody takes it over
	case known && (have.Revoked || !cert.Revoked && !cert.Issued.After(have.Issued)):
		return false
	case !known && (len(c.devices) >= maxCertificates || len(c.of(cert.Account)) >= maxDevices):
		return false
	}
	c.devices[cert.Device] = cert
	c.changed = true
	return true
}

// owner returns whose a device is, zero for unknown and revoked ones.
func (c *certificates) owner(device identity.Key) identity.Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cert := c.devices[device]; !cert.Revoked {
		return cert.Account
	}
	return identity.Key{}
}

// revoked reports whether the account has taken a device's certificate back.
func (c *certificates) revoked(device identity.Key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.devices[device].Revoked
}

// device returns the certificate of a device, zero for unknown ones.
func (c *certificates) device(key identity.Key) identity.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.devices[key]
}

// all returns the certificates of an account, its revoked devices too, the oldest first.
func (c *certificates) all(account identity.Key) []identity.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of(account)
}

func (c *certificates) of(account identity.Key) []identity.Certificate {
	var list []identity.Certificate
	for _, cert := range c.devices {
		if cert.Account == account {
			list = append(list, cert)
		}
	}
	slices.SortFunc(list, func(a, b identity.Certificate) int {
		if d := a.Issued.Compare(b.Issued); d != 0 {
			return d
		}
		return a.Device.Compare(b.Device)
	})
	return list
}

// keep returns all that is known when that has changed since the last time, to be written down.
func (c *certificates) keep() (all [][]byte, changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.changed {
		return nil, false
	}
	c.changed = false
	for _, device := range slices.SortedFunc(maps.Keys(c.devices), identity.Key.Compare) {
		cert := c.devices[device]
		all = append(all, cert.AppendTo(nil))
	}
	return all, true
}
