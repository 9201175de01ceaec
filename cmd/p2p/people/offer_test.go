package people_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

func TestWhatHasNothingToDownloadIsRefusedWithAWordThatSaysWhy(t *testing.T) {
	p := open(t, filepath.Join(t.TempDir(), "alice"))
	ask(t, p.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab"})
	dir := t.TempDir()
	for _, name := range []string{"hollow/a", "hollow/sub/b"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "hollow", "a"): api.EmptyFile, filepath.Join(dir, "hollow"): api.EmptyFolder,
		os.DevNull: api.NotAFile, string(filepath.Separator): api.WholeDisk, filepath.Join(dir, "nothing"): api.NoSuchPath,
	} {
		_, err := p.Offer(t.Context(), connect.NewRequest(&p2pv1.OfferRequest{Where: "lab", Path: path}))
		if p.reason(err) != want || api.ReasonOf(err).GetWith()["path"] != path {
			t.Errorf("%s: %v; want %s", path, err, want)
		}
		if missing := connect.CodeOf(err) == connect.CodeNotFound; missing != (want == api.NoSuchPath) {
			t.Errorf("%s: the code is %v", path, connect.CodeOf(err))
		}
	}
}

func TestAFolderIsOfferedWithoutWhatCannotBeSentAndThatIsSaid(t *testing.T) {
	alice, bob := two(t)
	dir := filepath.Join(t.TempDir(), "trip")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "day 1"), []byte("sun"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("day 1", filepath.Join(dir, "best")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	alerts := alice.listens()
	r := ask(t, alice.Offer, &p2pv1.OfferRequest{Where: "bob", Path: dir, Text: "trip"})
	if r.LeftOutCount != 1 || len(r.LeftOut) != 1 || r.LeftOut[0].Path != "best" || r.LeftOut[0].Kind != p2pv1.LeftOut_KIND_LINK {
		t.Errorf("left out: %v", r.LeftOut)
	}
	eventually(t, "all programs are told", func() bool {
		all := alerts(p2pv1.Alert_KIND_LEFT_OUT)
		return len(all) == 1 && all[0].Reason.GetKey() == api.LeftOut && strings.Contains(all[0].Reason.With["what"], "best")
	})
	eventually(t, "bob sees the offer", bob.has("alice", "trip"))
	got := bob.fetch(r.Message.Id, "")
	var names []string
	if err := filepath.WalkDir(got.Path, func(path string, d fs.DirEntry, err error) error {
		names = append(names, d.Name())
		return err
	}); err != nil || !slices.Equal(names, []string{"trip", "day 1"}) {
		t.Errorf("bob has %q, %v", names, err)
	}
}

// given writes a file that alice offers to bob, and returns its path and the message.
func given(t *testing.T, alice, bob *person, content string) (path string, message string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "plan.txt")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	m := ask(t, alice.Offer, &p2pv1.OfferRequest{Where: "bob", Path: path, Text: content}).Message
	eventually(t, "bob sees the offer", func() bool { return slices.Contains(bob.texts("alice"), content) })
	return path, m.Id
}

func TestWhatItsOwnerHasDeletedIsFetchedAgainWhenHeAcceptsItAgainAndNotBefore(t *testing.T) {
	alice, bob := two(t)
	_, m := given(t, alice, bob, "the plan")
	folder, other := t.TempDir(), t.TempDir()
	got := bob.fetch(m, folder)
	if err := os.Remove(got.Path); err != nil {
		t.Fatal(err)
	}
	// While the node runs.
	got = bob.fetch(m, other)
	if b, err := os.ReadFile(got.Path); string(b) != "the plan" || filepath.Dir(got.Path) != other {
		t.Errorf("%s has %q, %v", got.Path, b, err)
	}
	// And while it does not.
	bob.close()
	if err := os.Rename(got.Path, got.Path+" of mine"); err != nil {
		t.Fatal(err)
	}
	bob = open(t, bob.dir)
	gone := func() bool { return bob.transfer(m).State == p2pv1.Transfer_STATE_GONE }
	eventually(t, "it counts as gone", gone)
	if p := bob.transfer(m).Problem.GetKey(); p != api.FileGone {
		t.Errorf("the reason is %s", p)
	}
	if all, _ := os.ReadDir(other); len(all) != 1 {
		t.Errorf("there is %v", all)
	}
	if got = bob.fetch(m, ""); filepath.Dir(got.Path) != filepath.Join(bob.dir, "files") {
		t.Errorf("it goes to %s", got.Path)
	}
	if _, err := os.Stat(got.Path); err != nil {
		t.Error(err)
	}
}

func TestAFileThatItsOwnerHasChangedIsNoPartOfAnOfferAnyMore(t *testing.T) {
	alice, bob := two(t)
	_, m := given(t, alice, bob, "the plan")
	got := bob.fetch(m, t.TempDir())
	bob.close()
	if err := os.WriteFile(got.Path, []byte("my plan!"), 0o644); err != nil {
		t.Fatal(err)
	}
	bob = open(t, bob.dir)
	eventually(t, "it counts as gone", func() bool {
		x := bob.transfer(m)
		return x.State == p2pv1.Transfer_STATE_GONE && x.Problem.GetKey() == api.FileChanged
	})
	again := bob.fetch(m, filepath.Dir(got.Path))
	mine, _ := os.ReadFile(got.Path)
	if theirs, err := os.ReadFile(again.Path); string(mine) != "my plan!" || string(theirs) != "the plan" {
		t.Errorf("his has %q, %s has %q, %v", mine, again.Path, theirs, err)
	}
}

func TestWhatIsThereIsFetchedAgainOnlyIntoAnotherFolder(t *testing.T) {
	alice, bob := two(t)
	_, m := given(t, alice, bob, "the plan")
	folder, other := t.TempDir(), t.TempDir()
	first := bob.fetch(m, folder)
	for _, same := range []string{"", folder, folder + "/./"} {
		if x := ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: m, Folder: same}).Transfer; x.State != p2pv1.Transfer_STATE_DONE || x.Path != first.Path {
			t.Errorf("into %q: %v", same, x)
		}
	}
	second := bob.fetch(m, other)
	for _, x := range []*p2pv1.Transfer{first, second} {
		if b, err := os.ReadFile(x.Path); string(b) != "the plan" {
			t.Errorf("%s has %q, %v", x.Path, b, err)
		}
	}
	if filepath.Dir(second.Path) != other {
		t.Errorf("it goes to %s", second.Path)
	}
}

func TestWhatIsOnItsWayGoesToNoOtherFolderAndWhereItGoesIsSaid(t *testing.T) {
	alice, bob := two(t)
	_, m := given(t, alice, bob, "the plan")
	alice.close()
	folder := t.TempDir()
	x := ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: m, Folder: folder}).Transfer
	_, err := bob.Accept(t.Context(), connect.NewRequest(&p2pv1.AcceptRequest{Message: m, Folder: t.TempDir()}))
	if r := api.ReasonOf(err); r.GetKey() != api.FileElsewhere || r.With["path"] != x.Path || filepath.Dir(x.Path) != folder {
		t.Errorf("%v, while it goes to %s", err, x.Path)
	}
}

func TestWhatIsOfferedAndWasNotAcceptedIsListedForWhoWantsToSeeIt(t *testing.T) {
	alice, bob := two(t)
	_, first := given(t, alice, bob, "the plan")
	_, second := given(t, alice, bob, "the other plan")
	_, back := given(t, alice, bob, "no plan")
	ask(t, alice.Delete, &p2pv1.DeleteRequest{Message: back})
	list := func(p *person, offers bool) (messages []string, states []p2pv1.Transfer_State) {
		for _, x := range ask(t, p.ListTransfers, &p2pv1.ListTransfersRequest{Offers: offers}).Transfers {
			messages, states = append(messages, x.Message), append(states, x.State)
		}
		return messages, states
	}
	eventually(t, "what was taken back is not there, and the last comes first", func() bool {
		messages, states := list(bob, true)
		offered := p2pv1.Transfer_STATE_OFFERED
		return slices.Equal(messages, []string{second, first}) && slices.Equal(states, []p2pv1.Transfer_State{offered, offered})
	})
	if messages, _ := list(bob, false); len(messages) > 0 {
		t.Errorf("who asks for transfers alone sees %v", messages)
	}
	bob.fetch(first, "")
	if messages, states := list(bob, true); !slices.Equal(messages, []string{first, second}) || states[0] != p2pv1.Transfer_STATE_DONE {
		t.Errorf("there are %v, %v", messages, states)
	}
	if got := ask(t, alice.Cancel, &p2pv1.CancelRequest{Message: second}).Transfer; got.GetState() != p2pv1.Transfer_STATE_CANCELLED || got.GetPath() == "" {
		t.Errorf("it is told to be %v", got)
	}
	alice.close()
	alice = open(t, alice.dir)
	if messages, _ := list(alice, true); !slices.Equal(messages, []string{first}) {
		t.Errorf("what alice has taken back is offered to herself: %v", messages)
	}
}

// transfer returns how what a message offers stands.
func (p *person) transfer(message string) *p2pv1.Transfer {
	p.t.Helper()
	for _, x := range ask(p.t, p.ListTransfers, &p2pv1.ListTransfersRequest{}).Transfers {
		if x.Message == message {
			return x
		}
	}
	return &p2pv1.Transfer{}
}

// fetch downloads what a message offers.
func (p *person) fetch(message, folder string) (got *p2pv1.Transfer) {
	p.t.Helper()
	ask(p.t, p.Accept, &p2pv1.AcceptRequest{Message: message, Folder: folder})
	eventually(p.t, "it is there", func() bool {
		got = p.transfer(message)
		if got.State == p2pv1.Transfer_STATE_FAILED {
			p.t.Fatal(got.Problem)
		}
		return got.State == p2pv1.Transfer_STATE_DONE
	})
	return got
}
