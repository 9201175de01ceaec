//go:build unix

package robust

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/drive"
)

// offers makes a file and offers it, until the other sees it. It returns the message and the file.
func (p *person) offers(to *person, size int) (message, path string) {
	p.t.Helper()
	dir := p.t.TempDir()
	drive.MakeTree(p.t, dir, 1, drive.File{Path: "data.bin", Size: size})
	path = filepath.Join(dir, "data.bin")
	text := fmt.Sprint("a file of ", size)
	m := ask(p.t, p.Offer, &p2pv1.OfferRequest{Where: to.name, Path: path, Text: text}).Message
	to.hears(p.name, text)
	return m.Id, path
}

// flows waits until more than done bytes of a file are there.
func (p *person) flows(message string, done int64) {
	p.t.Helper()
	drive.Eventually(p.t, soon, fmt.Sprintf("%s has no more than %d bytes", p.name, done), func() bool {
		x := p.transfer(message)
		return x.Done > done && x.State != p2pv1.Transfer_STATE_CHECKING
	})
}

// TestAFileArrivesWhoeverIsKilledMeanwhile kills first who gets a file, then who has it. Nobody has to say that it goes on, and
// what people say to each other does not wait for it.
func TestAFileArrivesWhoeverIsKilledMeanwhile(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	t.Parallel()
	const size = 200 * mib
	alice, bob := newPair(t)
	message, path := alice.offers(bob, size)
	ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: message})
	bob.flows(message, 0)
	alice.says("bob", "it comes")
	bob.hears("alice", "it comes")
	had := bob.transfer(message)
	bob.kill()
	t.Logf("killed with %d MiB", had.Done/mib)
	bob.start()
	bob.flows(message, had.Done-1) // what was verified is there
	alice.kill()
	t.Logf("the other is killed with %d MiB", bob.transfer(message).Done/mib)
	bob.says("alice", "and stops")
	alice.start()
	alice.hears("bob", "and stops")
	drive.SameTree(t, path, bob.transferred(message))
	onlyIn(t, filepath.Dir(bob.transfer(message).Path), "data.bin")
}

// TestAFileThatWasAcceptedIsFetchedWhenSomebodyHasIt restarts who accepted it before it was there to be fetched.
func TestAFileThatWasAcceptedIsFetchedWhenSomebodyHasIt(t *testing.T) {
	t.Parallel()
	alice, bob := newPair(t)
	message, path := alice.offers(bob, mib)
	alice.kill()
	ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: message})
	bob.kill()
	bob.start()
	alice.start()
	drive.SameTree(t, path, bob.transferred(message))
}

// TestNamesOfFilesStayInTheFolder offers files whose names would hide them, drive a terminal or, on some machine, be a device.
func TestNamesOfFilesStayInTheFolder(t *testing.T) {
	t.Parallel()
	alice, bob := newPair(t)
	downloads := filepath.Join(bob.dir, "files")
	for i, name := range []string{"con", "nul.txt", ".bashrc", "...", "-rf", "a\x1b[2Jb\n", "txt.\u202egpj.exe", "c:evil", strings.Repeat("n", 255)} {
		path := write(t, filepath.Join(t.TempDir(), name), name)
		text := fmt.Sprint("file ", i)
		message := ask(t, alice.Offer, &p2pv1.OfferRequest{Where: "bob", Path: path, Text: text}).Message.Id
		bob.hears("alice", text)
		ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: message})
		got := bob.transferred(message)
		base := filepath.Base(got)
		if b, err := os.ReadFile(got); err != nil || string(b) != name || filepath.Dir(got) != downloads {
			t.Errorf("%q is %q at %q, %v", name, b, got, err)
		}
		if strings.HasPrefix(base, ".") || strings.ContainsAny(base, "\x1b\n\\:\u202e") || strings.EqualFold(base, "con") || strings.HasPrefix(base, "nul.") {
			t.Errorf("%q is saved as %q", name, base)
		}
	}
}
