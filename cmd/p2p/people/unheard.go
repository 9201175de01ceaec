package people

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// What somebody writes who was removed meanwhile, and cannot know that, nobody shows, himself included: the removal
// counts against all that had not seen it. The same becomes of what a device wrote that has contradicted itself. It was shown
// as sent; so the words go back to where they were written, and he is told.

// unheardSetting is the name under which is kept how far words of a room were given back: the number of the last of them.
func unheardSetting(id room.ID) string { return "unheard " + textID(id) }

// formerSetting is the name under which is kept which devices a profile was before: their keys, one after the other.
const formerSetting = "former devices"

// maxFormer is of how many the last are kept: an account has no more devices.
const maxFormer = 64

// formers returns the devices that this profile was before.
func (n *Node) formers(ctx context.Context) (all []identity.Key) {
	kept, err := n.archive.Setting(ctx, formerSetting)
	n.lost("which device this was", err)
	for ; len(kept) >= identity.KeySize; kept = kept[identity.KeySize:] {
		all = append(all, identity.Key(kept[:identity.KeySize]))
	}
	return all
}

// noteFormer keeps that this profile was a device.
func (n *Node) noteFormer(device identity.Key) error {
	all := append(n.formers(n.ctx), device)
	var keep []byte
	for _, k := range all[max(0, len(all)-maxFormer):] {
		keep = append(keep, k[:]...)
	}
	return n.archive.SaveSetting(formerSetting, keep)
}

// unheardOfFormer gives back what devices that this profile was before have written and what does not count, as it comes back from
// whoever has it, or as that is found out.
func (n *Node) unheardOfFormer(ctx context.Context, c *conversation, change chat.Change) {
	s, err := n.me()
	if err != nil {
		return
	}
	about := map[identity.Key]bool{}
	for i := range change.Added {
		if e := &change.Added[i]; e.Account == s.accountKey() && !e.Counts {
			about[e.Event.Author] = true
		}
	}
	for i := range change.Proofs {
		about[change.Proofs[i].A.Author] = true
	}
	if len(about) == 0 {
		return
	}
	for _, device := range n.formers(ctx) {
		if about[device] {
			n.unheard(ctx, c, device)
		}
	}
}

// unheard gives back what a device of this program has written in a room and what does not count any more. It looks
// through all that the device has written there, so it is called only when some of that may have ceased to count.
func (n *Node) unheard(ctx context.Context, c *conversation, device identity.Key) {
	n.giving.Lock()
	defer n.giving.Unlock()
	var upto int64
	told, err := n.archive.Setting(ctx, unheardSetting(c.id))
	if len(told) == 8 {
		upto = int64(binary.BigEndian.Uint64(told))
	}
	var all []history.Entry
	if err == nil {
		all, err = n.archive.Unheard(ctx, c.id, device, upto)
	}
	if n.lost("what nobody has heard", err); len(all) == 0 {
		return
	}
	n.drafting.Lock() // what is written meanwhile must not be replaced
	defer n.drafting.Unlock()
	words := n.drafted(c.id)
	texts := saidIn(all)
	for len(all) > 0 && len(strings.TrimSuffix(strings.Join(append(texts, words), "\n"), "\n")) > body.MaxText { // there is no place for it where he writes; it is left for the next time
		all = all[:len(all)-1]
		texts = saidIn(all)
	}
	for i := range all {
		upto = max(upto, all[i].N)
	}
	if len(texts) == 0 {
		return
	}
	text := strings.Join(texts, "\n")
	if words != "" {
		words = "\n" + words
	}
	words = text + words
	err = n.draft(c.id, words)
	if err == nil {
		err = n.archive.SaveSetting(unheardSetting(c.id), binary.BigEndian.AppendUint64(nil, uint64(upto)))
	}
	if err != nil {
		n.log.Warn("cannot give back what nobody has heard", zap.Error(err))
		return
	}
	n.tellUnheard(c, api.Unheard, text, len(texts))
}

// saidIn returns what events say, in order: texts as their author has changed them to last, what he has changed others to, and the
// names of files with what is said beside them.
func saidIn(all []history.Entry) (texts []string) {
	at, names := map[room.ID]int{}, map[room.ID]string{}
	for i := range all {
		e := &all[i]
		id, text := e.Event.ID, ""
		t, is := textIn(e)
		switch edit, err := body.ParseEdit(e.Body); {
		case is:
			text = t.Text
		case e.Event.Kind == body.KindEdit && err == nil:
			id, text = edit.Target, edit.New.Text
		default:
			continue
		}
		if f, err := body.ParseFile(e.Body); e.Event.Kind == body.KindFile && err == nil {
			names[id] = f.Name + "\n"
		}
		n, known := at[id]
		if !known {
			n, texts = len(texts), append(texts, "")
			at[id] = n
		}
		texts[n] = strings.TrimSuffix(names[id]+text, "\n")
	}
	return texts
}

// tellUnheard tells programs of words that were given back, or, when there are none, of something else that nobody has heard.
func (n *Node) tellUnheard(c *conversation, reason, text string, count int) {
	name := c.talk.Options().Name
	if p := n.place(c.id); p != nil && !p.With.IsZero() {
		name = n.nameOf(p.With)
	}
	n.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{
		Kind: p2pv1.Alert_KIND_UNHEARD, Name: name, Text: text, Conversation: textID(c.id),
		Reason: api.Problem(reason, "where", name, "count", strconv.Itoa(count)),
	}}})
}

// tellUndone tells programs of messages that this person has deleted, and that all go on reading.
func (n *Node) tellUndone(c *conversation, undone []history.Undone) {
	me, count := n.accountOf(), 0
	for _, u := range undone {
		if u.Account == me {
			count++
		}
	}
	if count > 0 {
		n.tellUnheard(c, api.DeletionUnheard, "", count)
	}
}

// drafted returns what is being written in a room.
func (n *Node) drafted(id room.ID) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.drafts[id]
}

// draft keeps what is being written in a room. The caller holds drafting.
func (n *Node) draft(id room.ID, text string) error {
	if err := n.archive.SaveDraft(textID(id), text); err != nil {
		return fmt.Errorf("keep a draft: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drafts[id] = text
	return nil
}
