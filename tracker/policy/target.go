package policy

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"p2p/torrentfile/infohash"
)

// Target is what a Ban is about: a network, or a torrent if there is none.
type Target struct {
	Network netip.Prefix // masked, not IPv4-mapped
	Torrent infohash.T
}

// The widest networks that can be banned, in bits: a slip of the hand must not
// ban the internet.
const (
	widest4 = 8
	widest6 = 16
)

// ParseTarget reads an address, a network such as 192.0.2.0/24, or an info-hash
// of 40 or 64 hexadecimal digits.
func ParseTarget(s string) (Target, error) {
	if !strings.ContainsAny(s, ".:") {
		h, err := parseHash([]byte(s))
		if err != nil {
			return Target{}, fmt.Errorf("%.70q is no address, no network and no info-hash", s)
		}
		return Target{Torrent: h}, nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, addrErr := netip.ParseAddr(s)
		if addrErr != nil || a.Zone() != "" {
			return Target{}, fmt.Errorf("%.70q is no address, no network and no info-hash", s)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	widest := widest6
	if p.Addr().Is4() {
		widest = widest4
	}
	if p.Bits() < widest {
		return Target{}, fmt.Errorf("%s is too wide: /%d is the widest network that can be banned", s, widest)
	}
	return Target{Network: p.Masked()}, nil
}

// String returns a form that ParseTarget reads.
func (t Target) String() string {
	switch {
	case !t.Network.IsValid():
		return t.Torrent.String()
	case t.Network.IsSingleIP():
		return t.Network.Addr().String()
	}
	return t.Network.String()
}

// key returns the key of t in a ledger, which allows no colons.
func (t Target) key() string { return strings.ReplaceAll(t.String(), ":", "_") }

// targetOf returns the target with a key.
func targetOf(key string) (Target, error) { return ParseTarget(strings.ReplaceAll(key, "_", ":")) }

// Ban refuses a target.
type Ban struct {
	Target
	Until  time.Time // zero: for good
	Reason string    // for the operators; the banned are not told
	File   bool      // from the file, not the ledger
}

// over reports whether b has ended.
func (b Ban) over(now time.Time) bool { return !b.Until.IsZero() && !now.Before(b.Until) }

var errBanFields = errors.New("want TARGET [UNTIL] [# REASON]")

// ReadBans reads a list of bans, one on a line: a target as ParseTarget takes it,
// then perhaps the time of its end, 2026-12-31 or 2026-12-31T12:00:00Z, then
// perhaps # and the reason. An error is a *LineError unless reading fails.
func ReadBans(r io.Reader) ([]Ban, error) {
	var all []Ban
	err := eachLine(r, func(text, comment []byte) error {
		fields := strings.Fields(string(text))
		if len(fields) > 2 {
			return errBanFields
		}
		target, err := ParseTarget(fields[0])
		if err != nil {
			return err
		}
		ban := Ban{Target: target, Reason: string(comment), File: true}
		if len(fields) == 2 {
			if ban.Until, err = ParseTime(fields[1]); err != nil {
				return err
			}
		}
		all = append(all, ban)
		return nil
	})
	return all, err
}

// ParseTime reads the end of a ban or of a key: a day (its beginning, in UTC) or
// a time with its zone.
func ParseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%.40q is no time such as 2026-12-31 or 2026-12-31T12:00:00Z", s)
}
