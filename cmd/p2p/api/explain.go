package api

import (
	"cmp"
	"encoding/hex"
	"errors"
	"slices"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
	"p2p/tracker/dirwire"
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
	AccountLost:        {"reason.account_lost", []string{"url", "name", "name", "at"}},
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
	Ambiguous:          {"reason.ambiguous", []string{"who", "which"}},
	SameName:           {"reason.same_name", []string{"who", "which"}},
	NameStart:          {"reason.name_start", []string{"who", "which"}},
	Yourself:           {"reason.yourself", nil},
	AlreadyContact:     {"reason.already_contact", []string{"who"}},
	NotAsked:           {"reason.not_asked", []string{"who"}},
	Blocked:            {"reason.blocked", []string{"who"}},
	KeyChanged:         {"reason.key_changed", []string{"who"}},
	NumberDiffers:      {"reason.number_differs", []string{"who"}},
	NotBlocked:         {"reason.not_blocked", []string{"who"}},
	MemberInDoubt:      {"reason.member_in_doubt", []string{"who"}},
	NoOtherKey:         {"reason.no_other_key", []string{"who"}},
	Renamed:            {"reason.renamed", []string{"who", "was", "now"}},
	NameReassigned:     {"reason.name_reassigned", []string{"who", "was", "now"}},
	CalledOtherwise:    {"reason.called_otherwise", []string{"was", "now"}},
	NameOfAnother:      {"reason.name_of_another", []string{"who", "now", "like"}},
	MailboxFull:        {"reason.mailbox_full", []string{"who"}},
	TooMany:            {"reason.too_many", nil},
	BadLink:            {"reason.bad_link", []string{"problem"}},
	BadTracker:         {"reason.bad_tracker", []string{"tracker"}},
	BadValidity:        {"reason.bad_validity", []string{"days"}},
	LinkExpired:        {"reason.link_expired", nil},
	LinkRevoked:        {"reason.link_revoked", nil},
	LinkPowerless:      {"reason.link_powerless", nil},
	LinkRefused:        {"reason.link_refused", nil},
	NoSuchConversation: {"reason.no_such_conversation", []string{"where"}},
	NotARoom:           {"reason.not_a_room", []string{"where"}},
	NotMember:          {"reason.not_member", []string{"where"}},
	AlreadyMember:      {"reason.already_member", []string{"who"}},
	NotAllowed:         {"reason.not_allowed", nil},
	RoomFull:           {"reason.room_full", []string{"limit"}},
	Removed:            {"reason.removed", nil},
	BroughtInVain:      {"reason.brought_in_vain", nil},
	RemovedBy:          {"reason.removed_by", []string{"who"}},
	RemovedYou:         {"reason.removed_you", []string{"who"}},
	HasRefused:         {"reason.has_refused", []string{"who"}},
	YouLeft:            {"reason.you_left", []string{"where"}},
	YouRemoved:         {"reason.you_removed", []string{"who"}},
	BadRoomName:        {"reason.bad_room_name", []string{"limit"}},
	BadRoomLimit:       {"reason.bad_room_limit", []string{"limit"}},
	BadRoomHistory:     {"reason.bad_room_history", []string{"limit"}},
	LastOwner:          {"reason.last_owner", nil},
	NoSuchMessage:      {"reason.no_such_message", []string{"message"}},
	MessageDeleted:     {"reason.message_deleted", nil},
	MessageChanged:     {"reason.message_changed", nil},
	NotInRoom:          {"reason.not_in_room", []string{"who"}},
	KeyUsed:            {"reason.key_used", []string{"key"}},
	BadKey:             {"reason.bad_key", []string{"limit"}},
	ElsewhereSaid:      {"reason.elsewhere_said", nil},
	NotYours:           {"reason.not_yours", nil},
	NotEmoji:           {"reason.not_emoji", []string{"emoji"}},
	TooLong:            {"reason.too_long", []string{"limit"}},
	Empty:              {"reason.empty", nil},
	EmptyFile:          {"reason.empty_file", []string{"path"}},
	EmptyFolder:        {"reason.empty_folder", []string{"path"}},
	LeftOut:            {"reason.left_out", []string{"path", "what", "count"}},
	NotAFile:           {"reason.not_a_file", []string{"path"}},
	FileChanging:       {"reason.file_changing", []string{"path"}},
	OfferLost:          {"reason.offer_lost", []string{"path", "problem"}},
	OfferBack:          {"reason.offer_back", []string{"who"}},
	OfferUnheard:       {"reason.offer_unheard", nil},
	NotOffered:         {"reason.not_offered", []string{"path", "problem"}},
	CalledOff:          {"reason.called_off", nil},
	FileElsewhere:      {"reason.file_elsewhere", []string{"path"}},
	NoFile:             {"reason.no_file", []string{"message"}},
	NoSuchPath:         {"reason.no_such_path", []string{"path"}},
	DiskFull:           {"reason.disk_full", nil},
	NoSpace:            {"reason.no_space", []string{"size", "free"}},
	OutcomeUnknown:     {"reason.outcome_unknown", []string{"id"}},
	AmbiguousMessage:   {"reason.ambiguous_message", []string{"message"}},
	TooManyFiles:       {"reason.too_many_files", []string{"path"}},
	WholeDisk:          {"reason.whole_disk", []string{"path"}},
	BadFileName:        {"reason.bad_file_name", []string{"path"}},
	NotContact:         {"reason.not_contact", []string{"who"}},
	NotMetYet:          {"reason.not_met_yet", []string{"who"}},
	DevicesFull:        {"reason.devices_full", nil},
	BadDirectory:       {"reason.bad_directory", []string{"url"}},
	BadNote:            {"reason.bad_note", []string{"limit"}},
	BadNickname:        {"reason.bad_nickname", []string{"limit"}},
	BadPresenceText:    {"reason.bad_presence_text", []string{"limit"}},
	RevokedHere:        {"reason.revoked_here", nil},
	Unheard:            {"reason.unheard", []string{"where", "count"}},
	DeletionUnheard:    {"reason.deletion_unheard", []string{"where", "count"}},
	ProfileSetBack:     {"reason.profile_set_back", nil},
	ProfileCopied:      {"reason.profile_copied", nil},
	DeviceContradicted: {"reason.device_contradicted", nil},

	Rejected:       {"problem.rejected", nil},
	TimedOut:       {"problem.timed_out", nil},
	UnknownHost:    {"problem.unknown_host", nil},
	NoNetwork:      {"problem.no_network", nil},
	BrokenOff:      {"problem.broken_off", nil},
	BadCertificate: {"problem.bad_certificate", nil},
	NotDirectory:   {"problem.not_directory", nil},
	DirectoryOlder: {"problem.directory_older", []string{"method"}},
	DirectoryNewer: {"problem.directory_newer", []string{"method"}},
	DirectoryMoved: {"problem.directory_moved", []string{"to"}},
	ProxyLimit:     {"problem.proxy_limit", nil},
	ProxyAlone:     {"problem.proxy_alone", []string{"status"}},
	Busy:           {"problem.busy", []string{"seconds"}},
	Trouble:        {"problem.trouble", nil},
	Untrusted:      {"problem.untrusted", nil},
	AnotherKey:     {"problem.another_key", []string{"key"}},
	AccountUnknown: {"problem.account_unknown", nil},
	DeviceRevoked:  {"problem.device_revoked", nil},
	Misnamed:       {"problem.misnamed", []string{"name"}},
	Twin:           {"problem.twin", nil},
	Other:          {"problem.other", []string{"detail"}},
	NobodyHasIt:    {"problem.nobody_has_it", nil},
	LittleRoom:     {"problem.little_room", []string{"dir", "size", "free"}},
	GiverLost:      {"problem.giver_lost", nil},
	GiverGone:      {"problem.giver_gone", nil},
	FileChanged:    {"problem.file_changed", nil},
	FileGone:       {"problem.file_gone", nil},
	RoomClosed:     {"problem.room_closed", nil},
	NotAsOffered:   {"problem.not_as_offered", nil},
	NotPermitted:   {"problem.not_permitted", nil},
	FileBusy:       {"problem.file_busy", nil},
	FileInTheWay:   {"problem.file_in_the_way", nil},
	TrackerSilent:  {"problem.tracker_silent", nil},
	TrackerRefuses: {"problem.tracker_refuses", []string{"detail"}},
	NobodyAnswers:  {"problem.nobody_answers", nil},
	CallsBack:      {"problem.calls_back", []string{"minutes"}},
	KeptApart:      {"problem.kept_apart", nil},
	LinkStart:      {"problem.link_start", nil},
	LinkDamaged:    {"problem.link_damaged", nil},
	LinkCrowded:    {"problem.link_crowded", nil},
	LinkToRoom:     {"problem.link_to_room", nil},
	LinkToPerson:   {"problem.link_to_person", nil},

	rulePrefix + string(dirwire.NameLength):     {"rule.length", []string{"min", "max"}},
	rulePrefix + string(dirwire.NameCharacters): {"rule.characters", nil},
	rulePrefix + string(dirwire.NameSeparators): {"rule.separators", nil},
	rulePrefix + string(dirwire.NameScripts):    {"rule.scripts", nil},
	rulePrefix + string(dirwire.NameDirection):  {"rule.direction", nil},
	rulePrefix + string(dirwire.NameReserved):   {"rule.reserved", nil},
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
	return explain(c, reason.GetKey(), reason.GetWith())
}

// explain says what a key means. What fills its sentence may be a key itself: of the problem behind a reason, or of
// the rule that a name has broken.
func explain(c *text.Catalogue, key string, with map[string]string) (string, bool) {
	e, ok := explained[key]
	if !ok {
		return "", false
	}
	args := make([]any, len(e.with))
	for i, name := range e.with {
		said := with[name]
		if (name == "problem" || name == "rule") && said != key {
			if deeper, known := explain(c, said, with); known {
				said = deeper
			}
		}
		if name == "where" || name == "who" {
			said = shortened(said)
		}
		args[i] = cmp.Or(said, "…")
	}
	return c.Say(e.message, args...), true
}

// shortened returns the start of what is a whole id or key: a program may have put it where the person wrote a name.
func shortened(s string) string {
	if k, err := identity.ParseKey(s); err == nil {
		return k.Short()
	}
	if _, err := hex.DecodeString(s); err == nil && len(s) >= 2*infohash.Size {
		return s[:12]
	}
	return s
}

// ExplainProblem is ExplainReason, and "" for none; of one that is not known it says the key.
func ExplainProblem(c *text.Catalogue, problem *p2pv1.Reason) string {
	if said, known := ExplainReason(c, problem); known {
		return said
	}
	return problem.GetKey()
}

// Waiting returns the line of the catalogue that says how far a room is that this person waits for, and what is put in; name is that of
// whom he waits for, safe to print.
func Waiting(c *text.Catalogue, r *p2pv1.Conversation, name string) (key string, args []any) {
	problem := ExplainProblem(c, r.GetProblem())
	switch {
	case r.GetWait() == p2pv1.Conversation_WAIT_ADMITTED:
		return "room.admitted", []any{name}
	case r.GetWait() == p2pv1.Conversation_WAIT_CALLING && problem != "":
		return "room.calling_why", []any{name, problem}
	case r.GetWait() == p2pv1.Conversation_WAIT_CALLING:
		return "room.calling", []any{name}
	}
	return "room.waiting", []any{name} // older nodes say no more
}

// Explain says what the error of a call means, in the language of c. What it quotes comes from strangers: it is not
// safe to print yet.
func Explain(c *text.Catalogue, err error) string {
	if said, ok := ExplainReason(c, ReasonOf(err)); ok {
		return said
	}
	if e, ok := errors.AsType[*StartError](err); ok {
		message := "serve.not_started"
		if errors.Is(e, errSlow) {
			message = "serve.slow"
		}
		return c.Say(message, cmp.Or(e.Tail, e.Err.Error()), e.Log)
	}
	if e, ok := errors.AsType[*connect.Error](err); ok {
		if Gone(err) || e.Code() == connect.CodeCanceled {
			return c.Say("reason.gone")
		}
		if e.Code() == connect.CodeUnimplemented { // this program was replaced by a newer one while that node ran
			return c.Say("reason.older_node")
		}
		return c.Say("problem.other", e.Message())
	}
	return c.Say("problem.other", err.Error())
}
