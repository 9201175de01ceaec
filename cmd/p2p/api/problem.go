package api

import (
	"strconv"
	"strings"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

// The keys of problems: what "problem" is in a reason, and why a transfer does not move, a request has no answer, the
// directory is not there.
const (
	Rejected       = "rejected"        // nothing answers at that address
	TimedOut       = "timed_out"       //
	UnknownHost    = "unknown_host"    //
	NoNetwork      = "no_network"      // from this machine to there
	BrokenOff      = "broken_off"      // in the middle of an answer
	BadCertificate = "bad_certificate" // of the server, or it speaks no TLS
	NotDirectory   = "not_directory"   // something else answers
	DirectoryOlder = "directory_older" // than this program, and does not know: method
	DirectoryNewer = "directory_newer" // than this program, and does not understand: method
	DirectoryMoved = "directory_moved" // what answers there says that it is elsewhere: to
	ProxyLimit     = "proxy_limit"     // a proxy before it refuses requests of that length
	ProxyAlone     = "proxy_alone"     // a proxy before it does not reach it: status
	Busy           = "busy"            // it, or a proxy before it: seconds
	Trouble        = "trouble"         // it answers that it cannot
	Untrusted      = "untrusted"       // the answer cannot be right
	AnotherKey     = "another_key"     // the directory has
	AccountUnknown = "account_unknown" // to the directory, any more
	Misnamed       = "misnamed"        // it knows the account, which has another name there: name
	Twin           = "twin"            // another program signs in as this device
	DeviceRevoked  = "device_revoked"  // the account has taken back the certificate of this device
	Other          = "other"           // detail

	NobodyHasIt    = "nobody_has_it"   // who is connected
	LittleRoom     = "little_room"     // on the disk: dir, size, free; it goes on by itself when there is more
	GiverLost      = "giver_lost"      // the same, and the copy of who has offered it has changed since, or is gone
	GiverGone      = "giver_gone"      // the same, and who has offered it is not in the room any more
	FileChanged    = "file_changed"    // since it was offered or fetched, or it is gone
	FileGone       = "file_gone"       // it was offered or fetched, and is not there any more
	RoomClosed     = "room_closed"     // where it was offered
	NotAsOffered   = "not_as_offered"  // what is fetched is not what the message says
	NotPermitted   = "not_permitted"   // by the system
	FileBusy       = "file_busy"       // another program downloads it
	FileInTheWay   = "file_in_the_way" // something else has its name
	TrackerSilent  = "tracker_silent"  // where somebody is to be found
	TrackerRefuses = "tracker_refuses" // and says: detail
	NobodyAnswers  = "nobody_answers"  // at the addresses of somebody
	CallsBack      = "calls_back"      // the same, and he is told by a tracker who has rung: minutes
	KeptApart      = "kept_apart"      // a contact is there, and neither of the two reaches the other

	LinkStart    = "link_start"     // it does not begin as links do
	LinkDamaged  = "link_damaged"   //
	LinkCrowded  = "link_crowded"   // more is in it than a link has
	LinkToRoom   = "link_to_room"   // and not to a person
	LinkToPerson = "link_to_person" // and not into a room
)

// Rules of names at the directory, as "rule" has them.
const rulePrefix = "name_"

// RuleOf returns the key of a rule that a name has broken.
func RuleOf(r dirwire.NameRule) string { return rulePrefix + string(r) }

// FaultOf returns the key of what is wrong with a link.
func FaultOf(f identity.LinkFault) string {
	switch f {
	case identity.LinkStart:
		return LinkStart
	case identity.LinkCrowded:
		return LinkCrowded
	}
	return LinkDamaged
}

// Problem returns a Reason that is no error's. with is as for Fail.
func Problem(key string, with ...string) *p2pv1.Reason {
	r := &p2pv1.Reason{Key: key}
	for i := 0; i+1 < len(with); i += 2 {
		if r.With == nil {
			r.With = map[string]string{}
		}
		r.With[with[i]] = strings.ToValidUTF8(with[i+1], "\uFFFD") // else protobuf could not carry it
	}
	return r
}

// leftOutNamed is how much of what was left out a reason names.
const leftOutNamed = 3

// LeftOutOf is the reason LeftOut: of the folder at path count things are not offered, of which some are known.
func LeftOutOf(path string, known []*p2pv1.LeftOut, count int) *p2pv1.Reason {
	var names []string
	for _, o := range known[:min(leftOutNamed, len(known))] {
		names = append(names, o.GetPath())
	}
	what := strings.Join(names, ", ")
	if count > len(names) {
		what += ", …"
	}
	return Problem(LeftOut, "path", path, "what", what, "count", strconv.Itoa(count))
}
