package sha1x2

import "github.com/klauspost/cpuid/v2"

// fast is whether this CPU has what blocks uses.
var fast = cpuid.CPU.Supports(cpuid.SHA, cpuid.SSSE3, cpuid.SSE4)

// blocks hashes n blocks, at least one, at p into a and as many at q into b.
//
//go:noescape
func blocks(a, b *[5]uint32, p, q *byte, n int)
