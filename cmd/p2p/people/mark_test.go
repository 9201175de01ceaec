package people_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/people"
)

// renewed returns why a node goes on as another device, as who begins to listen is told.
func (p *person) renewed() string {
	p.t.Helper()
	told := p.hears()
	reason := ""
	eventually(p.t, "he is told that it is another device", func() bool {
		for _, e := range told() {
			if a := e.GetAlert(); a.GetKind() == p2pv1.Alert_KIND_DEVICE_RENEWED {
				reason = a.GetReason().GetKey()
			}
		}
		return reason != ""
	})
	return reason
}

// device returns the key of a person's device.
func (p *person) device() string { return ask(p.t, p.Whoami, &p2pv1.WhoamiRequest{}).Device }

// copyTo copies a profile that nobody uses.
func copyTo(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// noting returns alice, who notes how far she has come, and bob, who have each other; and a function that opens her profile
// in a folder again.
func noting(t *testing.T) (alice, bob *person, again func(dir string) *person) {
	t.Helper()
	tracker, marks := startTracker(t), t.TempDir()
	again = func(dir string) *person { return openNoting(t, dir, marks, tracker) }
	alice, bob = again(filepath.Join(t.TempDir(), "alice")), open(t, filepath.Join(t.TempDir(), "bob"), tracker)
	alice.name("alice")
	bob.name("bob")
	befriend(t, alice, bob, "alice", "bob")
	return alice, bob, again
}

func TestAProfileThatWasSetBackGoesOnAsAnotherDeviceAndNothingIsLost(t *testing.T) {
	alice, bob, again := noting(t)
	alice.say("bob", "before")
	eventually(t, "bob has it", bob.has("alice", "before"))
	was := alice.device()
	alice.close()
	backup := filepath.Join(t.TempDir(), "backup")
	copyTo(t, alice.dir, backup)

	alice = again(alice.dir)
	if alice.device() != was {
		t.Fatal("a profile that goes on is another device")
	}
	alice.say("bob", "after the backup")
	eventually(t, "bob has it", bob.has("alice", "before", "after the backup"))
	alice.close()
	copyTo(t, backup, alice.dir)

	alice = again(alice.dir)
	if why := alice.renewed(); why != api.ProfileSetBack || alice.device() == was {
		t.Errorf("told %q", why)
	}
	alice.say("bob", "restored")
	all := []string{"before", "after the backup", "restored"}
	for name, p := range map[string]*person{"alice": bob, "bob": alice} {
		eventually(t, "all is there", func() bool {
			got := slices.Sorted(slices.Values(p.texts(name)))
			return slices.Equal(got, slices.Sorted(slices.Values(all)))
		})
	}
	is := alice.device()
	alice.close()
	if alice = again(alice.dir); alice.device() != is {
		t.Error("it becomes another one each time")
	}
}

// A backup of all that a person has on a machine has the mark in it: nothing of what was noted tells that it was put back.
func TestAHomeThatWasSetBackWithItsMarkGoesOnAsAnotherDeviceAndNothingIsLost(t *testing.T) {
	if !people.TellsCopies(t.TempDir()) {
		t.Skip("files have no time of birth here")
	}
	tracker, home := startTracker(t), t.TempDir()
	again := func() *person {
		return openNoting(t, filepath.Join(home, "alice"), filepath.Join(home, "marks"), tracker)
	}
	alice, bob := again(), open(t, filepath.Join(t.TempDir(), "bob"), tracker)
	alice.name("alice")
	bob.name("bob")
	befriend(t, alice, bob, "alice", "bob")
	alice.close()
	backup := filepath.Join(t.TempDir(), "backup")
	copyTo(t, home, backup)
	alice = again()
	was := alice.device()
	alice.say("bob", "after the backup")
	eventually(t, "bob has it", bob.has("alice", "after the backup"))
	alice.close()
	bob.close()
	copyTo(t, backup, home)

	alice = again()
	alice.say("bob", "restored") // nobody is there to tell her
	if why := alice.renewed(); why != api.ProfileSetBack || alice.device() == was {
		t.Errorf("told %q", why)
	}
	bob = open(t, bob.dir, tracker)
	for name, p := range map[string]*person{"alice": bob, "bob": alice} {
		eventually(t, "all is there", func() bool {
			return slices.Equal(slices.Sorted(slices.Values(p.texts(name))), []string{"after the backup", "restored"})
		})
	}
	is := alice.device()
	alice.close()
	if alice = again(); alice.device() != is {
		t.Error("it becomes another one each time")
	}
	alice.close()

	passphrase := people.Passphrase{To: []byte("secret"), Programs: func([]byte, []byte) error { return nil }}
	if err := passphrase.Change(t.Context(), alice.dir); err != nil {
		t.Fatal(err)
	}
	passphrase.From, passphrase.To = passphrase.To, nil
	if err := passphrase.Change(t.Context(), alice.dir); err != nil {
		t.Fatal(err)
	}
	if alice = again(); alice.device() != is {
		t.Error("one that was encrypted is taken for a copy")
	}
}

func TestAProfileThatWasCopiedGoesOnAsADeviceOfItsOwnAndOneThatWasMovedAsTheSame(t *testing.T) {
	alice, bob, again := noting(t)
	was := alice.device()
	alice.close()
	copied := again(func() string {
		to := filepath.Join(t.TempDir(), "copied")
		copyTo(t, alice.dir, to)
		return to
	}())
	if why := copied.renewed(); why != api.ProfileCopied || copied.device() == was {
		t.Errorf("told %q", why)
	}
	alice = again(alice.dir)
	alice.say("bob", "here")
	copied.say("bob", "there")
	eventually(t, "bob has both", func() bool {
		got := bob.texts("alice")
		return slices.Contains(got, "here") && slices.Contains(got, "there")
	})
	alice.close()
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(alice.dir, moved); err != nil {
		t.Fatal(err)
	}
	if alice = again(moved); alice.device() != was {
		t.Error("one that was moved is another device")
	}
}

// Nothing was noted: the profile's machine was set back with all that it has.
func TestADeviceThatHasContradictedItselfGoesOnAsAnotherOne(t *testing.T) {
	tracker := startTracker(t)
	alice, bob := open(t, filepath.Join(t.TempDir(), "alice"), tracker), open(t, filepath.Join(t.TempDir(), "bob"), tracker)
	alice.name("alice")
	bob.name("bob")
	befriend(t, alice, bob, "alice", "bob")
	alice.close()
	backup := filepath.Join(t.TempDir(), "backup")
	copyTo(t, alice.dir, backup)
	alice = open(t, alice.dir, tracker)
	story := []string{"one story", "how it goes on", "and on", "its end"}
	for _, part := range story {
		alice.say("bob", part)
	}
	eventually(t, "bob has it", bob.has("alice", story...))
	was := alice.device()
	alice.close()
	bob.close()
	copyTo(t, backup, alice.dir)

	alice = open(t, alice.dir, tracker)
	alice.say("bob", "another story") // nobody is there to tell her
	bob = open(t, bob.dir, tracker)
	if why := alice.renewed(); why != api.DeviceContradicted {
		t.Errorf("told %q", why)
	}
	eventually(t, "she says it on another device", func() bool {
		_, err := alice.Send(t.Context(), connect.NewRequest(&p2pv1.SendRequest{Where: "bob", Text: "from now on"}))
		return err == nil && alice.device() != was
	})
	eventually(t, "bob hears her", func() bool { return slices.Contains(bob.texts("alice"), "from now on") })
	eventually(t, "all that was withdrawn is back where she writes", func() bool {
		draft := strings.Split(alice.conversation("bob").Draft, "\n")
		slices.Sort(draft)
		return slices.Equal(draft, slices.Sorted(slices.Values(append(story, "another story"))))
	})
}

// SQLite takes an empty file for a history that begins: who was somebody would be nobody, and what was encrypted would not be.
func TestAHistoryThatWasEmptiedIsNotBegunAnew(t *testing.T) {
	home := t.TempDir()
	marks := filepath.Join(home, "marks")
	open := func() (*people.Node, error) {
		return people.Open(t.Context(), people.Options{
			Dir: filepath.Join(home, "alice"), Marks: marks, Listen: netip.MustParseAddrPort("127.0.0.1:0"), Label: "alice", Version: "test", Log: logger(),
		})
	}
	if err := os.MkdirAll(filepath.Join(home, "alice"), 0o700); err != nil {
		t.Fatal(err)
	}
	empty := func() {
		if err := os.WriteFile(filepath.Join(home, "alice", "history"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	empty() // as a first start leaves it that was killed
	n, err := open()
	if err != nil {
		t.Fatal(err)
	}
	p := &person{n, t, home}
	ask(t, p.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab"})
	p.close()
	empty()
	if n, err = open(); !errors.Is(err, people.ErrEmptied) {
		t.Errorf("an empty history is opened: %v", err)
		if err == nil {
			(&person{n, t, home}).close()
		}
	}
	if err := os.Remove(filepath.Join(home, "alice", "history")); err != nil {
		t.Fatal(err)
	}
	if n, err = open(); err != nil {
		t.Fatalf("who has moved it away cannot begin: %v", err)
	}
	(&person{n, t, home}).close()
}
