//go:build !linux && !windows

package people

import "golang.org/x/sys/unix"

// machineID returns what tells this machine from others, empty where there is nothing.
func machineID() string {
	id, err := unix.Sysctl("kern.hostuuid") // macOS has none
	if err != nil {
		return ""
	}
	return id
}
