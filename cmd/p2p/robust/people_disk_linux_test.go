package robust

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/drive"
)

// fill leaves no room on a disk, and returns the file to remove to make some.
func fill(t *testing.T, disk string) string {
	t.Helper()
	name := filepath.Join(disk, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{64 << 10, 4 << 10, 1} {
		for b := make([]byte, size); err == nil; {
			_, err = f.Write(b)
		}
		err = nil
	}
	return name
}

// warnsLate sees to it that a program that is opened now is told what others were told before.
func (p *person) warnsLate(kind p2pv1.Alert_Kind) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), soon)
	defer cancel()
	late, err := p.Events(ctx, connect.NewRequest(&p2pv1.EventsRequest{}))
	if err != nil {
		p.t.Fatal(err)
	}
	defer late.Close()
	for late.Receive() {
		if late.Msg().GetAlert().GetKind() == kind {
			return
		}
	}
	p.t.Errorf("a program that is opened now is not told of %v: %v", kind, late.Err())
}

// TestADownloadWaitsForRoomThatOthersTake has the disk of somebody who gets a file, which also has what he writes, filled meanwhile.
func TestADownloadWaitsForRoomThatOthersTake(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: it is looked for room every other second")
	}
	if !inside(t) {
		return
	}
	const size = 32 * mib
	disk := mount(t, "size=96M")
	tracker := startTracker(t, "127.0.0.1:0").Started(soon)
	alice := newPerson(t, "alice", "--tracker", tracker.Announce[0])
	bob := newPersonAt(t, "bob", filepath.Join(disk, "bob"), "--tracker", tracker.Announce[0])
	befriend(t, alice, bob)
	message, path := alice.offers(bob, size)
	alice.kill()
	ask(t, bob.Accept, &p2pv1.AcceptRequest{Message: message})
	filler := fill(t, disk)
	st, err := os.Stat(filler)
	if err == nil {
		err = os.Truncate(filler, st.Size()-24*mib)
	}
	if err != nil {
		t.Fatal(err)
	}
	alice.start()
	waits := func() bool {
		x := bob.transfer(message)
		return x.State == p2pv1.Transfer_STATE_WAITING && x.Problem.GetKey() == api.LittleRoom
	}
	drive.Eventually(t, soon, "it does not wait for room", waits)
	had := bob.transfer(message)
	t.Logf("it waits with %d MiB: %v", had.Done/mib, had.Problem)
	var sent []string
	for range 20 {
		m, err := bob.say("alice", "it waits")
		switch key := api.ReasonOf(err).GetKey(); {
		case err == nil:
			sent = append(sent, m.Id)
		case key != api.DiskFull:
			t.Fatalf("a message is refused as %q, %v", key, err)
		}
	}
	t.Logf("%d of 20 messages found room", len(sent))
	bob.kill()
	bob.start()
	drive.Eventually(t, soon, "killed and started again, it does not wait for room", waits)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	drive.SameTree(t, path, bob.transferred(message))
	bob.says("alice", "it is here")
	alice.hears("bob", "it is here")
	if got := len(alice.messages("bob")); got != 1+len(sent)+1 {
		t.Errorf("alice has %d messages of %d", got, 1+len(sent)+1)
	}
}

// TestAFullDiskTakesNoMessageAndSaysSo fills the disk of somebody who writes and is written to. A message is sent or it is not:
// one that was refused is nowhere, also later.
func TestAFullDiskTakesNoMessageAndSaysSo(t *testing.T) {
	if !inside(t) {
		return
	}
	disk := mount(t, "size=16M")
	tracker := startTracker(t, "127.0.0.1:0").Started(soon)
	alice := newPersonAt(t, "alice", filepath.Join(disk, "alice"), "--tracker", tracker.Announce[0])
	bob := newPerson(t, "bob", "--tracker", tracker.Announce[0])
	befriend(t, alice, bob)
	alice.says("bob", "there is room")
	bob.hears("alice", "there is room")
	filler := fill(t, disk)

	var sent []string
	drive.Eventually(t, soon, "the disk takes everything", func() bool {
		const text = "is there room?"
		m, err := alice.say("bob", text)
		if err == nil {
			sent = append(sent, m.Id)
			return false
		}
		if key := api.ReasonOf(err).GetKey(); key != api.DiskFull {
			t.Fatalf("a full disk is told of as %q, %v", key, err)
		}
		return true
	})
	t.Logf("%d messages found room", len(sent))
	drive.Eventually(t, soon, "she is not warned", func() bool { return len(alice.alerts(p2pv1.Alert_KIND_DISK_FULL)) == 1 })
	alice.warnsLate(p2pv1.Alert_KIND_DISK_FULL)
	told := bob.says("alice", "can you hear me?")
	for _, m := range bob.messages("alice") {
		if m.Id == told.Id && len(m.DeliveredTo) > 0 {
			t.Error("what nobody could store is shown as delivered")
		}
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	drive.Eventually(t, soon, "she cannot write though there is room again", func() bool {
		_, err := alice.say("bob", "there is room again")
		return err == nil
	})
	bob.hears("alice", "there is room again")
	drive.Eventually(t, soon, "she is not told", func() bool { return len(alice.alerts(p2pv1.Alert_KIND_DISK_AGAIN)) == 1 })
	alice.hears("bob", "can you hear me?")
	agree(t, alice, bob)
	want := len(sent) + 3
	if all := bob.messages("alice"); len(all) != want {
		t.Errorf("bob has %d messages, want %d: %q", len(all), want, texts(all))
	}
	for _, id := range sent {
		if !slices.ContainsFunc(bob.messages("alice"), func(m *p2pv1.Message) bool { return m.Id == id }) {
			t.Errorf("a message that was sent is lost")
		}
	}
}
