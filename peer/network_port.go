//go:build linux || darwin

package peer

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// DialFrom implements portNetwork. Several connections may be from one port, to different ends. One that is closed is so for both ends
// at once, with what the other end has not taken yet (RFC 9293, section 3.10.5): otherwise there would be no other one between the two
// ports for a minute, and who starts his node again would be away for that long.
func (tcp) DialFrom(ctx context.Context, from, to netip.AddrPort) (net.Conn, error) {
	local := &net.TCPAddr{Port: int(from.Port())}
	if a := from.Addr(); a.IsValid() && !a.IsUnspecified() {
		local.IP, local.Zone = a.AsSlice(), a.Zone()
	}
	d := net.Dialer{LocalAddr: local, Control: func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) {
			for _, option := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
				set = errors.Join(set, unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, option, 1))
			}
		})
		return errors.Join(err, set)
	}}
	d.SetMultipathTCP(false) // two calls that meet are TCP's alone
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	return conn, conn.(*net.TCPConn).SetLinger(0)
}
