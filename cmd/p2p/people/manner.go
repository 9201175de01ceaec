package people

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/presence"
)

// manner is what this person has said about being there.
type manner struct {
	said  p2pv1.Presence // unspecified: nothing
	text  string         // for contacts, beside away
	shown p2pv1.Presence // what others were told last
}

// now returns how the person appears: as he said, else as there while a program is open in which he
// reads.
func (m manner) now(watched bool, _ int) p2pv1.Presence {
	switch {
	case m.said != p2pv1.Presence_PRESENCE_UNSPECIFIED:
		return m.said
	case watched:
		return p2pv1.Presence_PRESENCE_ONLINE
	}
	return p2pv1.Presence_PRESENCE_AWAY
}

// keptManner is manner as it is kept.
type keptManner struct {
	Said p2pv1.Presence `json:"said"`
	Text string         `json:"text,omitempty"`
}

// behave makes this person appear as he says, in later runs too.
func (n *Node) behave(p p2pv1.Presence, text string) error {
	n.changing.Lock() // so that of two, the one that is kept is the one that counts
	defer n.changing.Unlock()
	b, err := json.Marshal(keptManner{p, text})
	if err != nil {
		return fmt.Errorf("keep presence: %w", err)
	}
	if err := n.archive.SaveSetting(mannerSetting, b); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.away.said, n.away.text = p, text
	return nil
}

// recallManner reads what behave has kept.
func (n *Node) recallManner(ctx context.Context) error {
	b, err := n.archive.Setting(ctx, mannerSetting)
	if err != nil || b == nil {
		return err
	}
	var k keptManner
	if err := json.Unmarshal(b, &k); err != nil {
		return fmt.Errorf("read presence: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.away.said, n.away.text = k.Said, k.Text
	return nil
}

// SetPresence implements p2pv1connect.PeopleHandler.
func (n *Node) SetPresence(ctx context.Context, r *connect.Request[p2pv1.SetPresenceRequest]) (*connect.Response[p2pv1.SetPresenceResponse], error) {
	switch r.Msg.GetPresence() {
	case p2pv1.Presence_PRESENCE_UNSPECIFIED, p2pv1.Presence_PRESENCE_AWAY, p2pv1.Presence_PRESENCE_ONLINE:
	default: // who is connected is not offline: logging out is what hides
		return nil, fail(invalid, api.Invalid, "what", "presence")
	}
	switch text := r.Msg.Text; {
	case text == "":
	case r.Msg.GetPresence() != p2pv1.Presence_PRESENCE_AWAY:
		return nil, fail(invalid, api.Invalid, "what", "text")
	case !plain(text, presence.MaxText):
		return nil, fail(invalid, api.BadPresenceText, "limit", strconv.Itoa(presence.MaxText))
	}
	if name := r.Msg.DisplayName; name != nil {
		if !isName(*name) {
			return nil, fail(invalid, api.BadNickname, "limit", strconv.Itoa(maxNameLen))
		}
		if err := n.ensure(ctx); err != nil {
			return nil, failure(err)
		}
		if err := n.write(ctx, record{Name: name}); err != nil {
			return nil, failure(err)
		}
		n.signAll(ctx)
	}
	if r.Msg.Presence != nil {
		if err := n.behave(*r.Msg.Presence, r.Msg.Text); err != nil {
			return nil, failure(err)
		}
	}
	n.mu.Lock()
	n.away.shown = p2pv1.Presence_PRESENCE_UNSPECIFIED // tell others, also of the name
	n.mu.Unlock()
	n.appear()
	return connect.NewResponse(&p2pv1.SetPresenceResponse{Me: n.whoami()}), nil
}
