//go:build !amd64

package sha1x2

const fast = false

func blocks(a, b *[5]uint32, p, q *byte, n int) { panic("sha1x2: not for this CPU") }
