package load

import (
	"net"
	"net/netip"
	"strconv"
)

// maxSources is how many addresses of the loopback network a crowd is spread
// over.
const maxSources = 16

// Sources returns how many source addresses clients have towards a tracker: up
// to 16 for one on this machine over IPv4, where all of 127.0.0.0/8 is ours on
// many systems, else one.
func Sources(to netip.Addr, clients int) int {
	if to = to.Unmap(); !to.IsLoopback() || !to.Is4() {
		return 1
	}
	n := min(clients, maxSources)
	last := sourceAddress(to, n-1)
	c, err := net.ListenPacket("udp", net.JoinHostPort(last.String(), strconv.Itoa(0)))
	if err != nil {
		return 1
	}
	c.Close()
	return n
}

// sourceAddress returns the address that source n asks from; none where the
// system may choose.
func sourceAddress(to netip.Addr, n int) netip.Addr {
	if to = to.Unmap(); n == 0 || !to.IsLoopback() || !to.Is4() {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, byte(n + 1)})
}
