package policy

import (
	"encoding/json"
	"math"
	"time"
)

// Usage is what the holder of a passkey has done, since the key was made.
type Usage struct {
	// Uploaded and Downloaded are bytes, as the holder's clients say.
	Uploaded   int64 `json:"uploaded"`
	Downloaded int64 `json:"downloaded"`
	// Announces counts those that were admitted.
	Announces int64 `json:"announces"`
	// LastSeen is the time of the last of them, in seconds since 1970; 0 for
	// never.
	LastSeen int64 `json:"last_seen"`
}

// plus returns the sum of u and v. It stops at the largest number.
func (u Usage) plus(v Usage) Usage {
	return Usage{
		Uploaded:   addBytes(u.Uploaded, v.Uploaded),
		Downloaded: addBytes(u.Downloaded, v.Downloaded),
		Announces:  addBytes(u.Announces, v.Announces),
		LastSeen:   max(u.LastSeen, v.LastSeen),
	}
}

// minus returns what is left of u when v, a part of it, is taken away.
func (u Usage) minus(v Usage) Usage {
	return Usage{u.Uploaded - v.Uploaded, u.Downloaded - v.Downloaded, u.Announces - v.Announces, u.LastSeen}
}

// Seen returns LastSeen as a time, zero for never.
func (u Usage) Seen() time.Time {
	if u.LastSeen == 0 {
		return time.Time{}
	}
	return time.Unix(u.LastSeen, 0)
}

// addBytes adds two numbers that are not negative.
func addBytes(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func decodeUsage(_ string, value []byte) (u Usage, err error) {
	err = json.Unmarshal(value, &u)
	// A negative number would take away from what another tracker has counted.
	u.Uploaded, u.Downloaded, u.Announces = max(0, u.Uploaded), max(0, u.Downloaded), max(0, u.Announces)
	return u, err
}

// session is what one client has told about one torrent, last.
type session struct {
	uploaded, downloaded int64
	seen                 int64 // seconds since 1970
}

// fastest is more than a client can have sent or received in a second, in bytes:
// 100 Gbit/s. allowance is how many seconds are added to those between two
// announces, which may have been delayed.
const (
	fastest   = 100e9 / 8
	allowance = 60
)

// advance takes the numbers of an announce at a time and returns by how much they
// grew.
//
// BEP 3: "uploaded: The total amount uploaded so far". Clients count since they
// started, so a number that has become smaller is that of a client that has started
// again, or of an announce that was overtaken by a later one, over IPv4 and IPv6. It
// counts for nothing and is where the next is counted from: nobody gains by starting
// again, and nobody is ever charged twice. The same goes for the first number of a
// session, which may contain what was counted before this tracker started, and
// for one that nobody can have reached.
func (s *session) advance(uploaded, downloaded, now int64) (up, down int64) {
	most := min(float64(now-s.seen)+allowance, math.MaxInt32) * fastest
	up = growth(s.uploaded, uploaded, int64(most))
	down = growth(s.downloaded, downloaded, int64(most))
	*s = session{uploaded, downloaded, now}
	return up, down
}

func growth(last, now, most int64) int64 {
	if last < 0 || now < last || now-last > most {
		return 0
	}
	return now - last
}
