package api

import (
	"cmp"
	"errors"
	"slices"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// explained are the reasons for people: the message of the catalogue, and what of the reason fills it, in order.
var explained = map[string]struct {
	message string
	with    []string
}{
	Bug:                {"reason.bug", nil},
	Stopping:           {"reason.stopping", nil},
	Invalid:            {"reason.invalid", []string{"what"}},
	NoAccount:          {"reason.no_account", nil},
	LoggedIn:           {"reason.logged_in", []string{"name"}},
	LoggedOut:          {"reason.logged_out", nil},
	NoDirectory:        {"reason.no_directory", nil},
	Unreachable:        {"reason.unreachable", []string{"url", "problem"}},
	NameTaken:          {"reason.name_taken", []string{"name"}},
	BadName:            {"reason.bad_name", []string{"name", "rule"}},
	WrongPassword:      {"reason.wrong_password", nil},
	WeakPassword:       {"reason.weak_password", []string{"min"}},
	TooManyTries:       {"reason.too_many_tries", []string{"seconds"}},
	NoSuchDevice:       {"reason.no_such_device", []string{"device"}},
	NoSuchPerson:       {"reason.no_such_person", []string{"who"}},
	Ambiguous:          {"reason.ambiguous", []string{"who"}},
	Yourself:           {"reason.yourself", nil},
	AlreadyContact:     {"reason.already_contact", []string{"who"}},
	NotAsked:           {"reason.not_asked", []string{"who"}},
	Blocked:            {"reason.blocked", []string{"who"}},
	KeyChanged:         {"reason.key_changed", []string{"who"}},
	MailboxFull:        {"reason.mailbox_full", []string{"who"}},
	TooMany:            {"reason.too_many", nil},
	BadLink:            {"reason.bad_link", []string{"problem"}},
	LinkExpired:        {"reason.link_expired", nil},
	LinkRevoked:        {"reason.link_revoked", nil},
	LinkPowerless:      {"reason.link_powerless", nil},
	LinkRefused:        {"reason.link_refused", nil},
	NoSuchConversation: {"reason.no_such_conversation", []string{"where"}},
	NotMember:          {"reason.not_member", []string{"where"}},
	NotAllowed:         {"reason.not_allowed", nil},
	RoomFull:           {"reason.room_full", []string{"limit"}},
	Removed:            {"reason.removed", nil},
	LastOwner:          {"reason.last_owner", nil},
	NoSuchMessage:      {"reason.no_such_message", []string{"message"}},
	NotYours:           {"reason.not_yours", nil},
	TooLong:            {"reason.too_long", []string{"limit"}},
	Empty:              {"reason.empty", nil},
	NoFile:             {"reason.no_file", []string{"message"}},
	NoSuchPath:         {"reason.no_such_path", []string{"path"}},
	DiskFull:           {"reason.disk_full", nil},
}

// Reasons returns the keys of all reasons.
func Reasons() []string {
	var keys []string
	for key := range explained {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// ExplainReason is Explain for a reason that stands by itself. It is false for none, and one that is not known.
func ExplainReason(c *text.Catalogue, reason *p2pv1.Reason) (string, bool) {
	e, ok := explained[reason.GetKey()]
	if !ok {
		return "", false
	}
	args := make([]any, len(e.with))
	for i, name := range e.with {
		args[i] = cmp.Or(reason.GetWith()[name], "…")
	}
	return c.Say(e.message, args...), true
}

// Explain says what the error of a call means, in the language of c. What it quotes comes from strangers: it is not
// safe to print yet.
func Explain(c *text.Catalogue, err error) string {
	if said, ok := ExplainReason(c, ReasonOf(err)); ok {
		return said
	}
	if e, ok := errors.AsType[*connect.Error](err); ok {
		if e.Code() == connect.CodeUnavailable || e.Code() == connect.CodeCanceled { // as a node that dies leaves it
			return c.Say("reason.gone")
		}
		return e.Message()
	}
	return err.Error()
}
