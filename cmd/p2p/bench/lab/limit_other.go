//go:build !linux

package lab

import "errors"

// limit limits the processor time of a process; here it cannot.
func limit(int, float64) (undo func(), err error) { return nil, errors.ErrUnsupported }
