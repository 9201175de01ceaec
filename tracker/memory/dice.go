package memory

import "math/bits"

// dice is a small random source (wyrand). What it draws decides which peers are
// handed out; nothing secret depends on it.
type dice struct{ state uint64 }

func (d *dice) roll() uint64 {
	d.state += 0xa0761d6478bd642f
	high, low := bits.Mul64(d.state, d.state^0xe7037ed1a0b428db)
	return high ^ low
}

// below returns a number in [0, n); n is above 0.
func (d *dice) below(n int) int {
	high, _ := bits.Mul64(d.roll(), uint64(n))
	return int(high)
}
