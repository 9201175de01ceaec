package main

import (
	"context"
	"path/filepath"
	"unicode/utf8"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/progress"
)

// offer offers a file or folder. It shows how far the node is with hashing it, which may take minutes.
func (a *app) offer(ctx context.Context, c *api.Client, what *p2pv1.OfferRequest) (err error) {
	if what.Path, err = filepath.Abs(what.Path); err != nil { // the node stands in another folder
		return err
	}
	if !utf8.ValidString(what.Path) { // nor could protobuf carry it
		return a.usage("usage.file_name", what.Path)
	}
	stop, err := a.showHashing(ctx, c, what.Path)
	if err != nil {
		return err
	}
	r, err := c.Offer(ctx, request(what))
	stop()
	if err != nil {
		return err
	}
	if err := a.tellLeftOut(r.Msg); err != nil {
		return err
	}
	return a.sent(r.Msg.Message)
}

// showHashing shows how far the node is with what it hashes at path, until the function that it returns is called.
func (a *app) showHashing(ctx context.Context, c *api.Client, path string) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.Events(ctx, request(&p2pv1.EventsRequest{}))
	if err == nil && !stream.Receive() { // from its first event on it misses nothing
		err = stream.Err()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	meter := newMeter(0)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		watched := func() {}
		for stream.Receive() {
			t := stream.Msg().GetTransfer()
			if t.GetPath() != path || t.GetState() != p2pv1.Transfer_STATE_HASHING {
				continue
			}
			first := meter.total.Load() == 0
			meter.set(t.Done, t.File.GetSize())
			if first { // what is hashed within a second shows nothing
				v := meter.view("send", baseName(path), progress.Hashing)
				v.silent = true
				watched = a.watch(v)
			}
		}
		watched()
		stream.Close()
	}()
	return func() {
		cancel()
		<-ended
	}, nil
}

// leftOutShown is how much of what was left out is named.
const leftOutShown = 10

// tellLeftOut says what of a folder cannot be sent.
func (a *app) tellLeftOut(r *p2pv1.OfferResponse) error {
	if r.LeftOutCount == 0 {
		return nil
	}
	if a.globals.json {
		var all []map[string]any
		for _, o := range r.LeftOut {
			all = append(all, plainMessage(o.ProtoReflect()))
		}
		return a.emit(event("left_out", map[string]any{"count": r.LeftOutCount, "first": all}))
	}
	shown := r.LeftOut[:min(leftOutShown, len(r.LeftOut))]
	for _, o := range shown {
		a.say("chat.send.left_out", safe(o.Path), a.leftOutKind(o.Kind))
	}
	if more := int(r.LeftOutCount) - len(shown); more > 0 {
		a.say("chat.send.left_out_more", more)
	}
	return nil
}

func (a *app) leftOutKind(k p2pv1.LeftOut_Kind) string {
	switch k {
	case p2pv1.LeftOut_KIND_FOLDER:
		return a.text.Say("left_out.folder")
	case p2pv1.LeftOut_KIND_LINK:
		return a.text.Say("left_out.link")
	case p2pv1.LeftOut_KIND_PIPE:
		return a.text.Say("left_out.pipe")
	case p2pv1.LeftOut_KIND_SOCKET:
		return a.text.Say("left_out.socket")
	case p2pv1.LeftOut_KIND_DEVICE:
		return a.text.Say("left_out.device")
	}
	return a.text.Say("left_out.other")
}
