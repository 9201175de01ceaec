package load

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is what a request asks for. The numbers are the actions of BEP 15.
type Kind uint8

// The kinds of requests. HTTP has no connect.
const (
	Connect Kind = iota
	Announce
	Scrape
	kinds
)

// Mix is how many requests of each kind are sent, relative to each other.
type Mix [kinds]int

// maxShare bounds a number of a Mix.
const maxShare = 1 << 20

// ParseMix reads CONNECT:ANNOUNCE:SCRAPE, as in "0:100:1".
func ParseMix(s string) (Mix, error) {
	var m Mix
	parts, sum := strings.Split(s, ":"), 0
	if len(parts) == len(m) {
		for i, part := range parts {
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 || n > maxShare {
				sum = 0
				break
			}
			m[i], sum = n, sum+n
		}
	}
	if sum == 0 {
		return Mix{}, fmt.Errorf("mix %q: want CONNECT:ANNOUNCE:SCRAPE, as in 0:100:1", s)
	}
	return m, nil
}

// String returns what ParseMix reads.
func (m Mix) String() string { return fmt.Sprintf("%d:%d:%d", m[Connect], m[Announce], m[Scrape]) }

// sum is what at of kind is below.
func (m Mix) sum() int { return m[Connect] + m[Announce] + m[Scrape] }

// kind returns the kind that at, of [0, sum), falls into.
func (m Mix) kind(at int) Kind {
	switch {
	case at < m[Announce]: // the usual one first
		return Announce
	case at < m[Announce]+m[Scrape]:
		return Scrape
	}
	return Connect
}
