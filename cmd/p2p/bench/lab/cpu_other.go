//go:build !linux

package lab

// Cores returns the numbers of the cores that this process may use; none where
// that is not known, and then nothing is pinned.
func Cores() []int { return nil }

// StayOn moves all threads of this process to cores; here it cannot.
func StayOn([]int) {}

// startOn calls f, which starts a process, on a thread of the cores; here on any.
func startOn(_ []int, f func() error) error { return f() }
