//go:build !linux

package store

// noDataIn reports whether the file has no data from offset from to offset to.
// Here it cannot be asked, so the piece is read.
func noDataIn(handle, int64, int64) bool { return false }
