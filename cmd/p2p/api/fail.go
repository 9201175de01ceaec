package api

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"syscall"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api/p2pv1"
)

// The keys of reasons. What a reason comes with is named behind it. They never change: programs of
// others branch on them.
const (
	Bug      = "bug"      // the node's own; its log says more
	Stopping = "stopping" // the node stops
	Invalid  = "invalid"  // the request: what

	NoAccount       = "no_account"       // nobody is logged in at this profile
	LoggedIn        = "logged_in"        // somebody is: name
	AccountLost     = "account_lost"     // a directory has lost this person's: url, name, at (url with its key)
	LoggedOut       = "logged_out"       // somebody was, and has to log in again
	NoDirectory     = "no_directory"     // none is set
	Unreachable     = "unreachable"      // the directory: url, problem
	BadDirectory    = "bad_directory"    // it is none: url
	RevokedHere     = "revoked_here"     // this device is the account's no more
	NameTaken       = "name_taken"       // at the directory: name
	BadName         = "bad_name"         // the directory does not take it: name, rule; and min, max (characters)
	WrongPassword   = "wrong_password"   // or no such account, which the directory does not tell apart
	WeakPassword    = "weak_password"    // at least: min (characters)
	TooManyTries    = "too_many_tries"   // with the password: seconds
	NoSuchDevice    = "no_such_device"   // of this account: device
	DevicesFull     = "devices_full"     // the account has as many as it may have
	NoSuchPerson    = "no_such_person"   // at the directory or among the contacts: who
	Ambiguous       = "ambiguous"        // the start of a name or key: who; and which (names with the starts of their ids)
	SameName        = "same_name"        // several have it: who, which
	NameStart       = "name_start"       // it is nobody's name, but some begin so: who, which
	Yourself        = "yourself"         // that is you
	AlreadyContact  = "already_contact"  // who
	NotAsked        = "not_asked"        // he has sent no request: who
	NotContact      = "not_contact"      // he is none, or not yet: who
	NotMetYet       = "not_met_yet"      // he is one now, and has begun a conversation that has not come here yet: who
	Blocked         = "blocked"          // by this person: who
	KeyChanged      = "key_changed"      // his name has another key at the directory now: who
	NumberDiffers   = "number_differs"   // this person has found that his safety number is another one there: who
	NotBlocked      = "not_blocked"      // he is not: who
	MemberInDoubt   = "member_in_doubt"  // somebody in the room whose name has another key at the directory now, and whom despite does not name: who
	NoOtherKey      = "no_other_key"     // the directory names none for him: who
	Renamed         = "renamed"          // a contact, at the directory: who, was, now
	NameReassigned  = "name_reassigned"  // the same, and somebody else has the old name: who, was, now
	CalledOtherwise = "called_otherwise" // a contact calls himself otherwise, and is called so here: was, now
	NameOfAnother   = "name_of_another"  // a contact calls himself as another is called, or so that he may be taken for that one, and keeps his name here: who, now, like
	MailboxFull     = "mailbox_full"     // too many requests wait for him; this one is kept and sent again: who
	TooMany         = "too_many"         // requests of this account are on their way; this one is kept and sent again
	BadLink         = "bad_link"         // problem
	BadTracker      = "bad_tracker"      // tracker
	BadValidity     = "bad_validity"     // of a link that is asked for: days, the most

	// Why a link does not lead into a room, besides RoomFull and Removed; in Conversation.reason.
	LinkExpired   = "link_expired"   //
	LinkRevoked   = "link_revoked"   // by who gave it
	LinkPowerless = "link_powerless" // who gave it may not let anybody in any more
	LinkRefused   = "link_refused"   // it is not said why

	NoSuchConversation = "no_such_conversation" // where
	NotARoom           = "not_a_room"           // but the conversation with one person: where
	NotMember          = "not_member"           // this person is not, or not any more: where
	AlreadyMember      = "already_member"       // he is in the room: who
	NotAllowed         = "not_allowed"          // by the role of this person
	RoomFull           = "room_full"            // limit
	Removed            = "removed"              // this person, from a room
	RemovedBy          = "removed_by"           // the same: who
	BroughtInVain      = "brought_in_vain"      // the same: by somebody who could not any more, as he had been removed himself
	RemovedYou         = "removed_you"          // a contact has removed this person: who
	HasRefused         = "has_refused"          // a request of this person: who
	YouLeft            = "you_left"             // this person has left the room: where
	YouRemoved         = "you_removed"          // this person has removed a contact: who
	BadRoomName        = "bad_room_name"        // limit (bytes)
	BadRoomLimit       = "bad_room_limit"       // limit: the most that a room may have for one
	BadRoomHistory     = "bad_room_history"     // limit: the most that it may be
	LastOwner          = "last_owner"           // the room would have no owner
	NoSuchMessage      = "no_such_message"      // message
	MessageDeleted     = "message_deleted"      //
	MessageChanged     = "message_changed"      // it says something else than what was to be replaced
	KeyUsed            = "key_used"             // under that key something else was sent there, or it was deleted since: key
	BadKey             = "bad_key"              // under which something is sent: limit (bytes)
	ElsewhereSaid      = "elsewhere_said"       // what is answered was said in another conversation
	NotInRoom          = "not_in_room"          // somebody is no member of it: who
	AmbiguousMessage   = "ambiguous_message"    // several ids begin so: message
	NotEmoji           = "not_emoji"            // emoji: what was to be a reaction
	NotYours           = "not_yours"            // the message is another's
	TooLong            = "too_long"             // limit (bytes)
	Empty              = "empty"                // nothing to send
	EmptyFile          = "empty_file"           // there is nothing in it to download: path
	EmptyFolder        = "empty_folder"         // the same, all in it is empty: path
	LeftOut            = "left_out"             // what a folder that is offered has and what cannot be sent: path, what, count
	FileElsewhere      = "file_elsewhere"       // it is on its way to another place: path
	OfferLost          = "offer_lost"           // what this person offers is not any more what it was: path, problem
	OfferUnheard       = "offer_unheard"        // this person had been removed before his message, which offers it, arrived
	OfferBack          = "offer_back"           // it was taken back: who
	NotOffered         = "not_offered"          // what was to be offered: path, problem
	CalledOff          = "called_off"           // an offer that was being prepared
	NotAFile           = "not_a_file"           // neither file nor folder: path
	FileChanging       = "file_changing"        // it was written to while it was read: path
	OutcomeUnknown     = "outcome_unknown"      // no node has answered whether it has what was to be sent: id
	NoFile             = "no_file"              // the message offers none: message
	NoSuchPath         = "no_such_path"         // on this machine: path
	WholeDisk          = "whole_disk"           // it has no name of its own: path
	BadFileName        = "bad_file_name"        // it would lead out of a folder, or is too long: path
	TooManyFiles       = "too_many_files"       // for one offer: path
	BadNote            = "bad_note"             // with a request: limit (characters)
	BadNickname        = "bad_nickname"         // what somebody is called: limit (bytes)
	BadPresenceText    = "bad_presence_text"    // limit (bytes)
	DiskFull           = "disk_full"            //
	Unheard            = "unheard"              // what this person wrote after he had been removed, or on a device that contradicted itself: where, count
	DeletionUnheard    = "deletion_unheard"     // the same of what he has deleted: where, count
	ProfileSetBack     = "profile_set_back"     // it goes on as another device
	ProfileCopied      = "profile_copied"       // the same
	DeviceContradicted = "device_contradicted"  // the same; what the device of before wrote from some time on is withdrawn
	NoSpace            = "no_space"             // size, free
)

// Fail returns the error of a call: code, and a Reason with key. with is what the reason comes with, as
// pairs of a name and a value.
func Fail(code connect.Code, key string, with ...string) error {
	reason := Problem(key, with...)
	message := key
	for i := 0; i+1 < len(with); i += 2 {
		message += fmt.Sprintf(" %s=%q", with[i], with[i+1])
	}
	err := connect.NewError(code, errors.New(message))
	if detail, e := connect.NewErrorDetail(reason); e == nil {
		err.AddDetail(detail)
	}
	return err
}

// Refused returns the error of a call that was refused later, for a reason that an answer or event has.
func Refused(r *p2pv1.Reason) error {
	code := connect.CodeFailedPrecondition
	if r.GetKey() == RoomFull {
		code = connect.CodeResourceExhausted
	}
	with := make([]string, 0, 2*len(r.GetWith()))
	for _, name := range slices.Sorted(maps.Keys(r.GetWith())) {
		with = append(with, name, r.GetWith()[name])
	}
	return Fail(code, r.GetKey(), with...)
}

// Gone reports whether the error of a call is that of a node that has died, or is not there: it gives no reason itself.
func Gone(err error) bool {
	e, ok := errors.AsType[*connect.Error](err)
	if !ok || ReasonOf(err) != nil {
		return false
	}
	return e.Code() == connect.CodeUnavailable || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// ReasonOf returns the reason that a call's error carries, or nil.
func ReasonOf(err error) *p2pv1.Reason {
	e, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return nil
	}
	for _, d := range e.Details() {
		if v, err := d.Value(); err == nil {
			if reason, ok := v.(*p2pv1.Reason); ok {
				return reason
			}
		}
	}
	return nil
}
