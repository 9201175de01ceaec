package load

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
)

// Popularity says how the peers are spread over the torrents. The zero value
// spreads them evenly.
type Popularity struct {
	Law  Law
	Skew float64 // of Exponential and Zipf; more means fewer torrents with most peers
}

// Law is the shape of a Popularity.
type Law uint8

// The laws. With T torrents, of which i is the number from 0, and P peers, the
// weight of a torrent is
//
//	Even         1
//	Exponential  T/P + exp(6.5 - Skew*i/T)
//	Zipf         1/(i+1)^Skew
//
// Exponential with a skew of 500 is what aquatic's load test draws from, whose
// published figures others compare with.
const (
	Even Law = iota
	Exponential
	Zipf
)

// lawNames are the words of ParsePopularity, in the order of the laws.
var lawNames = []string{"even", "exp", "zipf"}

// maxSkew bounds what ParsePopularity takes: more would put all peers into one
// torrent, which a smaller number does as well.
const maxSkew = 1e6

// ParsePopularity reads "even", "exp:SKEW" or "zipf:SKEW".
func ParsePopularity(s string) (Popularity, error) {
	name, number, skewed := strings.Cut(s, ":")
	for i, n := range lawNames {
		p := Popularity{Law: Law(i)}
		if n != name || skewed == (p.Law == Even) {
			continue
		}
		if !skewed {
			return p, nil
		}
		skew, err := strconv.ParseFloat(number, 64)
		if err != nil || !(skew >= 0 && skew <= maxSkew) {
			break
		}
		p.Skew = skew
		return p, nil
	}
	return Popularity{}, fmt.Errorf("popularity %q: want even, exp:SKEW or zipf:SKEW", s)
}

// String returns what ParsePopularity reads.
func (p Popularity) String() string {
	if p.Law == Even {
		return lawNames[Even]
	}
	return lawNames[p.Law] + ":" + strconv.FormatFloat(p.Skew, 'g', -1, 64)
}

// weight returns the weight of torrent i.
func (p Popularity) weight(i, torrents, peers int) float64 {
	t := float64(torrents)
	switch p.Law {
	case Exponential:
		return t/float64(peers) + math.Exp(6.5-p.Skew*float64(i)/t)
	case Zipf:
		return math.Pow(float64(i+1), -p.Skew)
	}
	return 1
}

// urn draws torrents by their weights.
type urn []float64 // sums of the weights up to each

func newUrn(p Popularity, torrents, peers int) urn {
	u, sum := make(urn, torrents), 0.0
	for i := range u {
		sum += p.weight(i, torrents, peers)
		u[i] = sum
	}
	return u
}

// draw returns a torrent for a number of [0, 1).
func (u urn) draw(f float64) uint32 {
	at := sort.SearchFloat64s(u, f*u[len(u)-1])
	if at < len(u)-1 && u[at] == f*u[len(u)-1] { // the border belongs to the next
		at++
	}
	return uint32(min(at, len(u)-1))
}
