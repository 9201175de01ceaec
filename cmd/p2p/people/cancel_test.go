package people_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
)

func TestWhatWasCancelledStaysSoAndGoesOnWithWhatIsThereWhenItIsAcceptedAgain(t *testing.T) {
	alice, bob := two(t)
	content := make([]byte, 1<<20)
	for i := range content {
		content[i] = byte(i * 7 >> 5)
	}
	path, folder := filepath.Join(t.TempDir(), "plan.bin"), t.TempDir()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	m := ask(t, alice.Offer, &p2pv1.OfferRequest{Where: "bob", Path: path, Text: "the plan"}).Message
	eventually(t, "bob sees the offer", bob.has("alice", "the plan"))
	alice.close()

	waits := ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: m.Id, Folder: folder}).Transfer
	stopped := func(what string) {
		t.Helper()
		if got := bob.transfer(m.Id); got.State != p2pv1.Transfer_STATE_CANCELLED || got.Path != waits.Path {
			t.Errorf("%s it is %v", what, got)
		}
	}
	ask(t, bob.Cancel, &p2pv1.CancelRequest{Message: m.Id})
	stopped("cancelled")
	ask(t, bob.Cancel, &p2pv1.CancelRequest{Message: m.Id})
	stopped("cancelled twice")
	bob.close()
	bob = open(t, bob.dir)
	stopped("in the next run")

	half := content[:len(content)/2]
	if err := os.WriteFile(waits.Path+".part", half, 0o644); err != nil { // as if it had come before
		t.Fatal(err)
	}
	alice = open(t, alice.dir)
	got := bob.fetch(m.Id, "")
	if b, err := os.ReadFile(got.Path); err != nil || !bytes.Equal(b, content) || got.Path != waits.Path {
		t.Errorf("%s has %d bytes, %v; it was to be %s", got.Path, len(b), err, waits.Path)
	}
	sent := func() int64 { return alice.transfer(m.Id).Uploaded }
	missing := int64(len(content) - len(half))
	eventually(t, "alice has counted what she sent", func() bool { return sent() >= missing })
	whole := int64(len(content)) // some blocks are sent twice where a connection takes the place of another
	if sent() >= whole {
		t.Errorf("alice has sent %d bytes; bob lacked %d", sent(), missing)
	}

	ask(t, bob.Cancel, &p2pv1.CancelRequest{Message: m.Id})
	stopped("shared no more")
	if again := bob.fetch(m.Id, ""); again.Path != got.Path || sent() >= whole {
		t.Errorf("what was there is fetched again: %v", again)
	}
	ask(t, bob.Cancel, &p2pv1.CancelRequest{Message: m.Id})
	if err := os.Remove(got.Path); err != nil {
		t.Fatal(err)
	}
	anew := bob.fetch(m.Id, "")
	if b, err := os.ReadFile(anew.Path); err != nil || !bytes.Equal(b, content) || anew.Path != got.Path {
		t.Errorf("what was deleted comes again to %s: %d bytes, %v", anew.Path, len(b), err)
	}
}

// Else hours of a download are lost, and its rest lies there for nothing.
func TestWhatWasCancelledAndAcceptedAgainGoesOnInTheNextRun(t *testing.T) {
	alice, bob := two(t)
	_, m := given(t, alice, bob, "the plan")
	alice.close()
	waits := ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: m, Folder: t.TempDir()}).Transfer
	ask(t, bob.Cancel, &p2pv1.CancelRequest{Message: m})
	if err := os.WriteFile(waits.Path+".part", []byte("the"), 0o644); err != nil { // as if it had come before
		t.Fatal(err)
	}
	ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: m})
	bob.close()
	bob = open(t, bob.dir)
	if got := bob.transfer(m); got.State != p2pv1.Transfer_STATE_WAITING || got.Path != waits.Path {
		t.Errorf("it is %v", got)
	}
}

// What was there first stays, and so does what was fetched.
func TestADownloadWhoseNameIsTakenMeanwhileGoesOnUnderAnotherWhenItIsAcceptedAgain(t *testing.T) {
	alice, bob := two(t)
	_, m := given(t, alice, bob, "the plan")
	alice.close()
	waits := ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: m, Folder: t.TempDir()}).Transfer
	ask(t, bob.Cancel, &p2pv1.CancelRequest{Message: m})
	for path, content := range map[string]string{waits.Path: "something else", waits.Path + ".part": "the plan"} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	alice = open(t, alice.dir)
	got := bob.fetch(m, "")
	b, err := os.ReadFile(got.Path)
	if want := filepath.Join(filepath.Dir(waits.Path), "plan (2).txt"); err != nil || string(b) != "the plan" || got.Path != want {
		t.Errorf("%s has %q, %v", got.Path, b, err)
	}
	if b, err := os.ReadFile(waits.Path); err != nil || string(b) != "something else" {
		t.Errorf("what was there is %q, %v", b, err)
	}
	if _, err := os.Stat(waits.Path + ".part"); !os.IsNotExist(err) {
		t.Errorf("a part is left: %v", err)
	}
	if sent := alice.transfer(m).Uploaded; sent > 0 {
		t.Errorf("what was there is fetched again: %d bytes", sent)
	}
}
