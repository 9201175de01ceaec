package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/progress"
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

func TestOffersAreListedWithTheIdThatAcceptNeeds(t *testing.T) {
	f := newFakePerson()
	f.transfers = []*p2pv1.Transfer{{Message: "m7", State: p2pv1.Transfer_STATE_OFFERED, File: &p2pv1.File{Name: "a.bin", Size: 10}}}
	env, _ := withPerson(t, f)
	out, _ := p2pWith(t, exitDone, []string{"chat", "files"}, env)
	if r := f.last().(*p2pv1.ListTransfersRequest); !r.Offers || !strings.Contains(out, "m7") || !strings.Contains(out, "offered") {
		t.Errorf("asked %v: %s", r, out)
	}
	out, _ = p2pWith(t, exitDone, []string{"chat", "files", "-j"}, env)
	if all := objects(t, out); len(all) != 1 || all[0]["state"] != "offered" || all[0]["message"] != "m7" {
		t.Errorf("with -j: %s", out)
	}
}

func TestOneLongNameLeavesTheTableOfFilesItsWidth(t *testing.T) {
	f := newFakePerson()
	for _, name := range []string{strings.Repeat("x", 150) + ".tar", strings.Repeat("数", 60) + ".txt"} {
		f.transfers = append(f.transfers, &p2pv1.Transfer{
			Message: strings.Repeat("5f3c", 16), State: p2pv1.Transfer_STATE_OFFERED, File: &p2pv1.File{Name: name, Size: 10 << 30},
		})
	}
	long := f.transfers[0].File
	f.transfers = append(f.transfers,
		&p2pv1.Transfer{Message: "60aa", State: p2pv1.Transfer_STATE_GONE, File: long, Problem: api.Problem(api.Other, "detail", strings.Repeat("word ", 40))},
		&p2pv1.Transfer{Message: "70bb", State: p2pv1.Transfer_STATE_FINISHING, File: &p2pv1.File{Name: "src", Size: 1 << 30, Files: 900}, FilesDone: 12},
		&p2pv1.Transfer{Message: "80cc", State: p2pv1.Transfer_STATE_WAITING, File: long, Problem: api.Problem(api.NobodyHasIt)})
	env, _ := withPerson(t, f)
	out, _ := p2pWith(t, exitDone, []string{"chat", "files"}, env)
	for line := range strings.Lines(out) {
		if w := progress.Width(strings.TrimSpace(line)); w > 80 {
			t.Errorf("%d cells: %s", w, line)
		}
	}
	if !strings.Contains(out, "xxx.tar") || !strings.Contains(out, "数.txt") || !strings.Contains(out, "5f3c5f3c5f3c") || !strings.Contains(out, "finishing: 12 of 900 files") {
		t.Errorf("it prints\n%s", out)
	}
}

func TestWhereThereIsNothingThatIsSaidAndProgramsReadNothing(t *testing.T) {
	f := newFakePerson()
	f.lonely, f.rooms = true, []*p2pv1.Conversation{}
	env, _ := withPerson(t, f)
	for _, test := range []struct{ args, en, zh string }{
		{"contact list", "no contacts yet", "还没有联系人"}, {"chat who", "no contacts yet", "还没有联系人"}, {"room list", "no rooms yet", "还没有房间"},
		{"chat files", "no file is offered", "没有提供"}, {"chat search tea", "nothing was found", "未找到"}, {"chat log lab", "no messages yet", "还没有消息"},
	} {
		for lang, want := range map[string]string{"en": test.en, "zh": test.zh} {
			args := strings.Fields(test.args)
			out, errs := p2pWith(t, exitDone, args, env, withEnv("P2P_LANG", lang))
			if oneLineSays(t, errs, want); out != "" {
				t.Errorf("%s prints %q", test.args, out)
			}
			if out, errs := p2pWith(t, exitDone, append(args, "-j"), env, withEnv("P2P_LANG", lang)); out+errs != "" {
				t.Errorf("%s -j: %q, %q", test.args, out, errs)
			}
		}
	}
}

func TestADownloadIsWaitedForOrItIsSaidWhereItGoes(t *testing.T) {
	f := newFakePerson()
	f.saved = filepath.Join(folder(t, map[string]string{"a.bin": "0123456789"}), "a.bin")
	env, _ := withPerson(t, f)
	if out, told := p2pWith(t, exitDone, []string{"chat", "accept", "m7"}, env); out != "" || !strings.Contains(told, "it goes into "+f.saved) {
		t.Errorf("accept says %q and %q", out, told)
	}
	out, told := p2pWith(t, exitDone, []string{"chat", "accept", "m7", "-o", "here", "--wait"}, env)
	if r := f.last().(*p2pv1.AcceptRequest); r.Message != "m7" || !filepath.IsAbs(r.Folder) || out != f.saved+"\n" || strings.Contains(told, "waiting") {
		t.Errorf("asked %v: %s, %s", r, out, told)
	}
	out, _ = p2pWith(t, exitDone, []string{"chat", "accept", "m8", "--wait", "-j"}, env)
	if all := objects(t, out); len(all) != 3 || all[0]["state"] != "waiting" || all[2]["state"] != "done" {
		t.Errorf("accept -j:\n%s", out)
	}
}

func tells(t *p2pv1.Transfer) *p2pv1.Event {
	return &p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: t}}
}

func TestWhyNothingComesOfADownloadIsSaidWhenItChanges(t *testing.T) {
	f := newFakePerson()
	f.saved = filepath.Join(folder(t, map[string]string{"a.bin": "0123456789"}), "a.bin")
	waits := func(in func(p2pv1.Transfer_State, int64) *p2pv1.Transfer, why string) *p2pv1.Transfer {
		x := in(p2pv1.Transfer_STATE_WAITING, 0)
		x.Problem = api.Problem(why)
		return x
	}
	var done *p2pv1.Transfer
	f.accepts = func(in func(p2pv1.Transfer_State, int64) *p2pv1.Transfer) (*p2pv1.Transfer, error) {
		done = in(p2pv1.Transfer_STATE_DONE, 10)
		for range 3 {
			f.events <- tells(waits(in, api.NobodyHasIt))
		}
		return waits(in, api.NobodyHasIt), nil
	}
	env, _ := withPerson(t, f)
	p := start(t, []string{"chat", "accept", "m7", "--wait"}, env)
	p.errs.until(t, "nobody who has it is connected")
	f.events <- tells(&p2pv1.Transfer{Message: "m7", State: p2pv1.Transfer_STATE_WAITING, Problem: api.Problem(api.GiverLost), File: &p2pv1.File{Size: 10}})
	p.errs.until(t, "the copy of who has offered it has changed")
	f.events <- tells(done)
	if code, n := p.wait(), strings.Count(p.errs.String(), "\n"); code != exitDone || n != 2 {
		t.Errorf("it ends with %d: %s", code, p.errs.String())
	}
}

func TestNoPathIsPrintedAtWhichThereIsNothing(t *testing.T) {
	f := newFakePerson()
	f.saved = filepath.Join(t.TempDir(), "a.bin")
	env, _ := withPerson(t, f)
	for state, want := range map[p2pv1.Transfer_State]string{p2pv1.Transfer_STATE_DONE: "not there any more", p2pv1.Transfer_STATE_GONE: "has changed since"} {
		f.accepts = func(in func(p2pv1.Transfer_State, int64) *p2pv1.Transfer) (*p2pv1.Transfer, error) {
			x := in(state, 10)
			if state == p2pv1.Transfer_STATE_GONE {
				x.Problem = api.Problem(api.FileChanged)
			}
			return x, nil
		}
		out, errs := p2pWith(t, exitNotFound, []string{"chat", "accept", "m7", "--wait"}, env)
		oneLineSays(t, errs, f.saved, want, "accept it again")
		if out != "" {
			t.Errorf("it prints %q", out)
		}
	}
	// What was told before it was accepted again is of a file that was there once.
	f.accepts = func(in func(p2pv1.Transfer_State, int64) *p2pv1.Transfer) (*p2pv1.Transfer, error) {
		f.events <- tells(in(p2pv1.Transfer_STATE_DONE, 10))
		f.events <- tells(in(p2pv1.Transfer_STATE_DOWNLOADING, 5))
		f.events <- tells(in(p2pv1.Transfer_STATE_CANCELLED, 5))
		return in(p2pv1.Transfer_STATE_WAITING, 0), nil
	}
	_, errs := p2pWith(t, exitUnfinished, []string{"chat", "accept", "m7", "--wait"}, env)
	if !strings.Contains(errs, "was cancelled") {
		t.Errorf("it says %q", errs)
	}
}

func TestWhatADownloadHasSoFarIsNamedWhenItIsCancelled(t *testing.T) {
	f := newFakePerson()
	dir := folder(t, map[string]string{"a.bin.part": "0123", "b.bin": "0123456789"})
	for i, name := range []string{"a.bin", "b.bin", "c.bin"} {
		f.transfers = append(f.transfers, &p2pv1.Transfer{
			Message: name, State: p2pv1.Transfer_STATE_CANCELLED, Done: []int64{4, 10, 0}[i], Path: filepath.Join(dir, name), File: &p2pv1.File{Name: name, Size: 10},
		})
	}
	env, _ := withPerson(t, f)
	for name, want := range map[string][]string{
		"a.bin": {filepath.Join(dir, "a.bin.part"), "goes on with it"}, "b.bin": {"it stays where it is: " + filepath.Join(dir, "b.bin")}, "c.bin": {"neither fetched nor shared any more\n"},
	} {
		_, errs := p2pWith(t, exitDone, []string{"chat", "cancel", name}, env)
		for _, w := range want {
			if !strings.Contains(errs, w) {
				t.Errorf("%s: it says %q, not %q", name, errs, w)
			}
		}
		if name == "c.bin" && strings.Contains(errs, "stays") {
			t.Errorf("%s: it says %q", name, errs)
		}
	}
}

func TestADownloadCanBeCancelledByAScript(t *testing.T) {
	f := newFakePerson()
	f.transfers = []*p2pv1.Transfer{{Message: "m7", State: p2pv1.Transfer_STATE_CANCELLED, Path: "/d/a.bin", File: &p2pv1.File{Name: "a\x1b.bin"}}}
	env, _ := withPerson(t, f)
	for lang, want := range map[string][]string{"en": {"neither fetched nor shared", "nothing of it"}, "zh": {"不再下载或分享", "没有在下载"}} {
		for i, message := range []string{"m7", "m8"} {
			out, errs := p2pWith(t, exitDone, []string{"chat", "cancel", message}, env, withEnv("P2P_LANG", lang))
			if oneLineSays(t, errs, want[i]); out != "" || strings.Contains(errs, "\x1b") {
				t.Errorf("it prints %q and says %q", out, errs)
			}
		}
	}
	if r, ok := f.last().(*p2pv1.CancelRequest); !ok || r.Message != "m8" {
		t.Errorf("it asks %v", f.last())
	}
	out, errs := p2pWith(t, exitDone, []string{"chat", "cancel", "m7", "-j"}, env)
	if o := object(t, out); o["message_type"] != "cancelled" || o["transfer"].(map[string]any)["state"] != "cancelled" || errs != "" {
		t.Errorf("with -j: %s, %s", out, errs)
	}
}

func TestADownloadThatFailsHasTheExitCodeOfWhatWasWrong(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	for why, want := range map[string]int{api.DiskFull: exitDiskFull, api.NotPermitted: exitIO, api.NotAsOffered: exitMismatch, api.Other: exitOther} {
		f.accepts = func(in func(p2pv1.Transfer_State, int64) *p2pv1.Transfer) (*p2pv1.Transfer, error) {
			x := in(p2pv1.Transfer_STATE_FAILED, 4)
			x.Problem = api.Problem(why)
			return x, nil
		}
		_, errs := p2pWith(t, want, []string{"chat", "accept", "m7", "--wait"}, env)
		oneLineSays(t, errs, "the download has failed")
	}
}

func TestADownloadIsWaitedForThoughTheNodeDies(t *testing.T) {
	f := newFakePerson()
	f.saved = filepath.Join(folder(t, map[string]string{"a.bin": "0123456789"}), "a.bin")
	times := 0
	f.accepts = func(in func(p2pv1.Transfer_State, int64) *p2pv1.Transfer) (*p2pv1.Transfer, error) {
		if times++; times < 3 {
			f.events <- nil
		} else {
			f.events <- tells(in(p2pv1.Transfer_STATE_DONE, 10))
		}
		return in(p2pv1.Transfer_STATE_DOWNLOADING, 5), nil
	}
	env, _ := withPerson(t, f)
	out, errs := p2pWith(t, exitDone, []string{"chat", "accept", "m7", "--wait"}, env)
	if out != f.saved+"\n" || strings.Count(errs, "the node has ended; it is started again") != 2 {
		t.Errorf("it says %q and %q", out, errs)
	}
	times = -1000 // one that always dies is not started for ever
	_, errs = p2pWith(t, exitNetwork, []string{"chat", "accept", "m7", "--wait"}, env)
	if !strings.Contains(errs, "does not answer any more") || strings.Contains(errs, "EOF") {
		t.Errorf("it says %q", errs)
	}
	if _, err := os.Stat(f.saved); err != nil {
		t.Error(err)
	}
}

// Without a word of farewell.
func TestThatTheNodeHasDiedIsSaid(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	f.events <- nil
	_, errs := p2pWith(t, exitNetwork, []string{"chat", "listen"}, env)
	oneLineSays(t, errs, "does not answer any more")
}
