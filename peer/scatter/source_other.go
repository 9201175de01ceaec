//go:build !linux

package scatter

import "net"

// New returns a source for conn.
func New(conn net.Conn, idle func() error) Source { return &plain{conn, idle} }
