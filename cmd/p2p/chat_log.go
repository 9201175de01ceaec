package main

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
	"p2p/cmd/p2p/text"
)

// page is how many messages are asked for at once.
const page = 200

func (a *app) chatLogCommand(p *profileFlags) *cobra.Command {
	var follow, ids bool
	var count int
	cmd := &cobra.Command{
		Use: "log WHERE", Short: a.text.Say("chat.log.short"), Example: "p2p chat log bob -n 20\np2p chat log lab --follow", Args: a.one("WHERE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if count < 0 {
				return a.usage("usage.count", count)
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				l := chatLog{app: a, client: c, ids: ids}
				return l.run(ctx, args[0], count, follow)
			})
		},
	}
	cmd.Flags().IntVarP(&count, "number", "n", 50, a.text.Say("chat.log.number"))
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, a.text.Say("chat.log.follow"))
	cmd.Flags().BoolVar(&ids, "ids", false, a.text.Say("chat.ids"))
	return cmd
}

// chatLog prints messages.
type chatLog struct {
	app    *app
	client p2pv1connect.PeopleClient
	ids    bool              // print them too
	places map[string]string // what is printed is of several conversations: their names, by id
}

func (l *chatLog) run(ctx context.Context, where string, count int, follow bool) error {
	if !follow {
		messages, err := l.last(ctx, where, count)
		if err != nil {
			return err
		}
		if len(messages) < count {
			if err := l.older(ctx, where); err != nil {
				return err
			}
		}
		if len(messages) == 0 && count > 0 {
			l.app.say("chat.log.none")
		}
		return l.print(messages...)
	}
	r, err := l.client.ListConversations(ctx, request(&p2pv1.ListConversationsRequest{Where: where}))
	if err != nil {
		return err
	}
	if len(r.Msg.Conversations) != 1 {
		return api.Fail(connect.CodeNotFound, api.NoSuchConversation, "where", where)
	}
	// The stream is opened before the list is asked for, so that nothing falls in between.
	stream, err := l.client.Events(ctx, request(&p2pv1.EventsRequest{}))
	if err != nil {
		return err
	}
	defer stream.Close()
	if !stream.Receive() { // the Hello: from here on all is told
		return stream.Err()
	}
	messages, err := l.last(ctx, where, count)
	if err != nil {
		return err
	}
	if err := l.print(messages...); err != nil {
		return err
	}
	seen := stream.Msg().GetHello().GetCursor()
	for _, m := range messages {
		seen = max(seen, m.Number)
	}
	for stream.Receive() {
		m := stream.Msg().GetMessage()
		if m == nil || m.Conversation != r.Msg.Conversations[0].Id {
			continue
		}
		switch {
		case m.Number <= seen:
			err = l.changed(m)
		case !m.Gone:
			seen, err = m.Number, l.print(m)
		}
		if err != nil {
			return err
		}
	}
	return stream.Err()
}

// older says where to read on when all of a conversation is printed, and this person has spoken with the same one before.
func (l *chatLog) older(ctx context.Context, where string) error {
	if l.app.globals.json {
		return nil
	}
	r, err := l.client.ListConversations(ctx, request(&p2pv1.ListConversationsRequest{Where: where}))
	if err != nil {
		return err
	}
	for _, c := range r.Msg.Conversations {
		if c.Older != "" {
			l.app.say("chat.log.older", safe(c.Name), c.Older)
		}
	}
	return nil
}

// last returns the last messages of a conversation, in order.
func (l *chatLog) last(ctx context.Context, where string, count int) ([]*p2pv1.Message, error) {
	var all []*p2pv1.Message
	before := ""
	for len(all) < count {
		r, err := l.client.ListMessages(ctx, request(&p2pv1.ListMessagesRequest{
			Where: where, Before: before, Limit: int32(min(count-len(all), page)),
		}))
		if err != nil {
			return nil, err
		}
		all = append(r.Msg.Messages, all...)
		if !r.Msg.MoreBefore || len(r.Msg.Messages) == 0 {
			break
		}
		before = r.Msg.Messages[0].Id
	}
	return all, nil
}

func (l *chatLog) print(messages ...*p2pv1.Message) error {
	for _, m := range messages {
		if l.app.globals.json {
			if err := l.app.emitMessage("message", m); err != nil {
				return err
			}
			continue
		}
		if err := l.printOne(m); err != nil {
			return err
		}
	}
	return nil
}

// printOne prints a message for people; of several conversations with the one it is of, the day whenever it was, and as much of its id
// as a command needs.
func (l *chatLog) printOne(m *p2pv1.Message) error {
	before, now := "", time.Now()
	switch {
	case l.places != nil:
		where, known := l.places[m.Conversation]
		if !known {
			where = m.Conversation[:min(len(m.Conversation), shownID)]
		}
		before, now = m.Id[:min(len(m.Id), messageShown)]+" "+safe(where)+" ", time.Time{}
	case l.ids:
		before = m.Id + " "
	}
	if _, err := io.WriteString(l.app.out, safe(before)); err != nil {
		return err
	}
	return l.app.printMessage(m, now)
}

// named returns the names of all conversations, by their ids: of a room with the # that tells it from a person.
func named(ctx context.Context, c p2pv1connect.PeopleClient) (map[string]string, error) {
	r, err := c.ListConversations(ctx, request(&p2pv1.ListConversationsRequest{}))
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, k := range r.Msg.Conversations {
		all[k.Id] = k.Name
		if !k.Direct {
			all[k.Id] = "#" + k.Name
		}
	}
	return all, nil
}

// changed prints what was done to a message that is known. Who has got or read it is no line.
func (l *chatLog) changed(m *p2pv1.Message) error {
	switch {
	case m.Change == nil && !m.Gone:
		return nil
	case l.app.globals.json:
		return l.app.emitMessage("changed", m)
	}
	return l.app.printChange(m, time.Now())
}

func (a *app) chatSearchCommand(p *profileFlags) *cobra.Command {
	var where string
	var count int
	cmd := &cobra.Command{
		Use: "search QUERY", Short: a.text.Say("chat.search.short"), Example: "p2p chat search 'launch date'\np2p chat search tea --in bob", Args: a.one("QUERY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if count < 0 {
				return a.usage("usage.count", count)
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				l := chatLog{app: a, client: c}
				return l.search(ctx, args[0], where, count)
			})
		},
	}
	cmd.Flags().StringVar(&where, "in", "", a.text.Say("chat.search.in"))
	cmd.Flags().IntVarP(&count, "number", "n", 50, a.text.Say("chat.log.number"))
	return cmd
}

// search prints what is found, the last one last: that is where the reader's eyes are.
func (l *chatLog) search(ctx context.Context, query, where string, count int) error {
	var all []*p2pv1.Message
	for before := int64(0); len(all) < count; {
		r, err := l.client.Search(ctx, request(&p2pv1.SearchRequest{
			Query: query, Where: where, Before: before, Limit: int32(min(count-len(all), page)),
		}))
		if err != nil {
			return err
		}
		all = append(all, r.Msg.Messages...)
		if before = r.Msg.Next; before == 0 {
			break
		}
	}
	if len(all) == 0 {
		l.app.say("chat.search.none")
	}
	slices.Reverse(all)
	if !l.app.globals.json {
		var err error
		if l.places, err = named(ctx, l.client); err != nil {
			return err
		}
	}
	return l.print(all...)
}

func (a *app) chatExportCommand(p *profileFlags) *cobra.Command {
	var readable bool
	var out string
	cmd := &cobra.Command{
		Use: "export [WHERE]", Short: a.text.Say("chat.export.short"), Long: a.text.Say("chat.export.long"),
		Example: "p2p chat export -o history.jsonl\np2p chat export bob --text | less", Args: a.these("WHERE", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			where := append(args, "")[0]
			switch {
			case readable && where == "":
				return a.usage("usage.export_text")
			case readable && a.globals.json:
				return a.usage("usage.export_json")
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				return a.export(ctx, c, &p2pv1.ExportRequest{Where: where, Messages: readable}, out)
			})
		},
	}
	cmd.Flags().BoolVar(&readable, "text", false, a.text.Say("chat.export.text"))
	cmd.Flags().StringVarP(&out, "out", "o", "", a.text.Say("chat.export.out"))
	return cmd
}

// export writes the history to a file that does not exist yet, or to stdout.
func (a *app) export(ctx context.Context, c p2pv1connect.PeopleClient, what *p2pv1.ExportRequest, out string) (err error) {
	var w io.Writer = a.out
	if out != "" && out != "-" {
		f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		defer func() {
			if e := f.Close(); err == nil {
				err = e
			}
		}()
		w = f
	}
	stream, err := c.Export(ctx, request(what))
	if err != nil {
		return err
	}
	defer stream.Close()
	namesake := false
	if what.Messages {
		if namesake, err = hasNamesake(ctx, c, what.Where); err != nil {
			return err
		}
	}
	lines := text.JSONWriter(w)
	for stream.Receive() {
		if _, err := lines.Write(stream.Msg().Data); err != nil {
			return err
		}
		for _, m := range stream.Msg().Messages {
			if _, err := io.WriteString(w, a.readable(m, namesake)); err != nil {
				return err
			}
		}
	}
	return stream.Err()
}

// readable returns a message as text to keep: when, who, what; further lines are indented, so that nobody can make one look like
// somebody else's. namesake is that somebody else is called as this person is.
func (a *app) readable(m *p2pv1.Message, namesake bool) string {
	name := safe(m.Name)
	if m.Mine && namesake {
		name = a.text.Say("chat.name.mine", name)
	}
	who, text := name+": ", a.messageText(m)
	if m.Notice != nil { // it names the author itself, whoever will read this
		m.Notice.Me = false
		who, text = "— ", a.notice(name, m.Notice)
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := range lines {
		lines[i] = safe(lines[i])
	}
	said := time.UnixMilli(m.Written).Local().Format("2006-01-02 15:04:05") + "  " + who + strings.Join(lines, "\n    ")
	var marks []string
	if m.Edited {
		marks = append(marks, a.text.Say("message.edited"))
	}
	if word := api.DeliveryWord(a.text, m); word != "" {
		marks = append(marks, word)
	}
	if len(marks) > 0 {
		said += "  (" + a.text.List(marks) + ")"
	}
	return said + "\n"
}

// hasNamesake reports whether somebody else in a conversation is called as this person is.
func hasNamesake(ctx context.Context, c p2pv1connect.PeopleClient, where string) (bool, error) {
	r, err := c.ListConversations(ctx, request(&p2pv1.ListConversationsRequest{Where: where}))
	if err != nil {
		return false, err
	}
	mine, others := "", map[string]bool{}
	for _, k := range r.Msg.Conversations {
		for _, m := range k.Members {
			if name := strings.ToLower(safe(m.Name)); m.Me {
				mine = name
			} else {
				others[name] = true
			}
		}
	}
	return others[mine], nil
}
