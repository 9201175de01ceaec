//go:build !linux

package link

import "net"

// newSource returns a source for conn.
func newSource(conn net.Conn, idle func() error) source { return &plainSource{conn, idle} }
