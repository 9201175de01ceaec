//go:build !linux

package udpfront

import (
	"net"
	"syscall"
)

const canShare = false

func share(syscall.RawConn) error { return nil }

func newSocket(conn *net.UDPConn) (socket, error) { return newPlain(conn), nil }
