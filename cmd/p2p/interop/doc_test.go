//go:build interop && linux

// Package interop runs p2p and the clients and trackers of others in the same
// swarms, as real processes, and compares every copy byte by byte.
//
//	go test -tags interop -parallel 6 ./cmd/p2p/interop
//
// It needs root on Linux, and the Debian packages that .ci/debian installs. What
// is missing is skipped, unless P2P_INTEROP=must is in the environment, which
// makes it a failure.
//
// The suite runs in namespaces of its own for network, processes and mounts.
// They end with it, however it ends, and all that it started ends with them.
// There are no addresses but 10.77.0.0/16 and 2001:db8:77::/64, on the loopback
// interface: Transmission does not connect to 127.0.0.1.
package interop
