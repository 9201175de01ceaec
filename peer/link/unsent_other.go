//go:build !linux && !darwin

package link

import "net"

// keepLittleUnsent can do nothing here: the system has no TCP_NOTSENT_LOWAT.
func keepLittleUnsent(net.Conn) {}
