package main

import (
	"strings"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

func TestWhatAFolderIsOfferedWithoutIsSaid(t *testing.T) {
	f := newFakePerson()
	f.offers = func(*p2pv1.OfferRequest) (*p2pv1.OfferResponse, error) {
		return &p2pv1.OfferResponse{
			Message: &p2pv1.Message{Id: "m2"}, LeftOutCount: 12, LeftOut: []*p2pv1.LeftOut{{Path: "best\x1b[2J", Kind: p2pv1.LeftOut_KIND_LINK}, {Path: "s", Kind: p2pv1.LeftOut_KIND_SOCKET}},
		}, nil
	}
	env, _ := withPerson(t, f)
	_, errs := p2pWith(t, exitDone, []string{"chat", "send", "bob", "--file", "trip"}, env)
	for _, want := range []string{"best", "a symbolic link", "a socket", "10 more", "m2"} {
		if !strings.Contains(errs, want) || strings.Contains(errs, "\x1b") {
			t.Errorf("it says nothing of %q: %q", want, errs)
		}
	}
	out, _ := p2pWith(t, exitDone, []string{"chat", "send", "bob", "--file", "trip", "-j"}, env)
	if all := objects(t, out); len(all) != 2 || all[0]["kind"] != "left_out" || all[1]["message_type"] != "message" {
		t.Errorf("with -j: %s", out)
	}
}

func TestAMissingFileHasTheExitCodeOfOne(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	for reason, want := range map[string]struct {
		code connect.Code
		exit int
	}{
		api.NoSuchPath: {connect.CodeNotFound, exitNotFound}, api.EmptyFile: {connect.CodeInvalidArgument, exitUsage},
		api.NotPermitted: {connect.CodeFailedPrecondition, exitIO},
	} {
		f.offers = func(r *p2pv1.OfferRequest) (*p2pv1.OfferResponse, error) {
			return nil, api.Fail(want.code, reason, "path", r.Path)
		}
		_, errs := p2pWith(t, want.exit, []string{"chat", "send", "bob", "--file", "nothing"}, env)
		oneLineSays(t, errs)
	}
}

// Hundreds of megabytes take seconds.
func TestHowFarAFileIsHashedIsShownOnATerminal(t *testing.T) {
	f := newFakePerson()
	seen := make(chan struct{})
	f.offers = func(r *p2pv1.OfferRequest) (*p2pv1.OfferResponse, error) {
		hashing := func(path string) *p2pv1.Event {
			return &p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: &p2pv1.Transfer{State: p2pv1.Transfer_STATE_HASHING, Path: path, Done: 40, File: &p2pv1.File{Size: 100}}}}
		}
		f.events <- hashing("/another")
		f.events <- hashing(r.Path)
		<-seen
		return &p2pv1.OfferResponse{Message: &p2pv1.Message{Id: "m2"}}, nil
	}
	env, _ := withPerson(t, f)
	p := start(t, []string{"chat", "send", "bob", "--file", "big.bin"}, env, func(sh *shell) { sh.errTTY = true })
	p.errs.until(t, "big.bin")
	close(seen)
	if code := p.wait(); code != exitDone || !strings.Contains(p.errs.String(), "40%") || strings.Contains(p.errs.String(), "another") {
		t.Errorf("it ends with %d: %q", code, p.errs.String())
	}
}
