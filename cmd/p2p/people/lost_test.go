package people_test

import (
	"os"
	"testing"
	"time"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// What somebody offers is often a document that he goes on with.
func TestThatAnOfferIsNotAnyMoreWhatItWasIsToldToBothSides(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"longer":   func(path string) error { return os.WriteFile(path, []byte("a plan that is better"), 0o644) },
		"as long":  func(path string) error { return os.WriteFile(path, []byte("the pain"), 0o644) },
		"gone":     os.Remove,
		"replaced": func(path string) error { return os.Rename(path, path+".old") },
	} {
		t.Run(name, func(t *testing.T) {
			alice, bob := two(t)
			path, m := given(t, alice, bob, "the plan")
			alerts := alice.listens()
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: m, Folder: t.TempDir()})
			told := func() bool {
				x := bob.transfer(m)
				return x.State == p2pv1.Transfer_STATE_WAITING && x.Problem.GetKey() == api.GiverLost
			}
			eventually(t, "bob is told what he waits for", told)
			want := api.FileChanged
			if _, err := os.Stat(path); err != nil {
				want = api.FileGone
			}
			if x := alice.transfer(m); x.State != p2pv1.Transfer_STATE_FAILED || x.Problem.GetKey() != want {
				t.Errorf("alice has %v", x)
			}
			eventually(t, "alice is told", func() bool { return len(alerts(p2pv1.Alert_KIND_OFFER_LOST)) > 0 })
			if r := alerts(p2pv1.Alert_KIND_OFFER_LOST)[0].Reason; r.GetKey() != api.OfferLost || r.With["path"] != path || r.With["problem"] != want {
				t.Errorf("as %v", r)
			}
		})
	}
}

func TestAFileThatWasOnlyTouchedIsStillOffered(t *testing.T) {
	alice, bob := two(t)
	path, m := given(t, alice, bob, "the plan")
	if err := os.Chtimes(path, time.Time{}, time.Unix(1_000_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	bob.fetch(m, t.TempDir())
	eventually(t, "it was looked at", func() bool { return alice.transfer(m).State == p2pv1.Transfer_STATE_SHARING })
}

func TestWhoComesLaterIsToldTooThatAnOfferIsLostAndItsOwnerOnce(t *testing.T) {
	alice, bob := two(t)
	path, m := given(t, alice, bob, "the plan")
	bob.close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	lost := func() bool { return alice.transfer(m).Problem.GetKey() == api.FileGone }
	alice.close()
	alice = open(t, alice.dir)
	eventually(t, "alice finds it out", lost)
	alice.close()
	bob = open(t, bob.dir)
	ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: m})
	if p := bob.transfer(m).Problem.GetKey(); p != api.NobodyHasIt {
		t.Errorf("while nobody is there, the reason is %q", p)
	}
	alice = open(t, alice.dir)
	alerts := alice.listens()
	eventually(t, "bob is told", func() bool { return bob.transfer(m).Problem.GetKey() == api.GiverLost })
	if n := len(alerts(p2pv1.Alert_KIND_OFFER_LOST)); n > 0 {
		t.Errorf("alice is told again, %d times", n)
	}
	if err := os.WriteFile(path, []byte("the plan"), 0o644); err != nil {
		t.Fatal(err)
	}
	ask(t, alice.Accept, &p2pv1.AcceptRequest{Message: m}) // her own, which is there again
	eventually(t, "bob has it", func() bool { return bob.transfer(m).State == p2pv1.Transfer_STATE_DONE })
}
