//go:build !linux

package lab

// liveUsage is for systems that tell what a process used only at its end.
func liveUsage(int) (Usage, bool) { return Usage{}, false }

// Memory is a folder whose files are in memory; "" where there is none.
const Memory = ""
