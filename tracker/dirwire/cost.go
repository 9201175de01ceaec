package dirwire

// SaltSize is the length of a salt in bytes.
const SaltSize = 16

// Cost is what it costs to make keys of a password: the parameters of Argon2id (RFC 9106).
type Cost struct {
	Time    uint32 `json:"time"`   // passes
	Memory  uint32 `json:"memory"` // KiB
	Threads uint8  `json:"threads"`
}

// FairCost is the second recommendation of RFC 9106, section 4: about a tenth of a second, on whatever
// people have. Nothing below is accepted.
var FairCost = Cost{Time: 3, Memory: 64 << 10, Threads: 4}

// Within reports whether it costs at least as much as least, and no more than a machine of today can
// give: a service could ask for too little, so that guessing is cheap, or for a terabyte.
func (c Cost) Within(least Cost) bool {
	return c.Time >= least.Time && c.Memory >= least.Memory && c.Threads >= 1 &&
		c.Time <= 16 && c.Memory <= 512<<10 && c.Threads <= 16
}
