package directory_test

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	client "p2p/peer/directory"
	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

func TestFriendsSeeEachOtherAndWhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		all := s.befriended(t, "alice", "bob")
		alice, bob := all[0], all[1]
		seen := alice.sees()[bob.account.Key()]
		if len(seen.Devices) != 1 || seen.Devices[0].Certificate != bob.cert || len(seen.Devices[0].Addrs) != 2 || seen.Devices[0].Addrs[0].String() != "192.0.2.1:7000" {
			t.Fatalf("alice sees %+v", seen)
		}
		bob.Set(client.Presence{Away: true})
		if seen := alice.sees()[bob.account.Key()]; len(seen.Devices) != 1 || !seen.Devices[0].Away {
			t.Errorf("bob is away, and alice sees %+v", seen)
		}
		bob.stop()
		if err := bob.Goodbye(t.Context()); err != nil {
			t.Fatal(err)
		}
		if seen := alice.sees()[bob.account.Key()]; len(seen.Devices) != 0 || !seen.LastSeen.Equal(time.Now()) {
			t.Errorf("bob has left, and alice sees %+v", seen)
		}
	})
}

func TestStrangersSeeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		all := s.befriended(t, "alice", "bob")
		mallory := s.registered(t, "mallory")
		mallory.Friends([]identity.Key{all[0].account.Key(), all[1].account.Key()})
		mallory.attend()
		all[0].told()
		for who, seen := range mallory.sees() {
			if len(seen.Devices) != 0 || !seen.LastSeen.IsZero() {
				t.Errorf("a stranger sees %v: %+v", who, seen)
			}
		}
		all[0].Set(client.Presence{Away: true})
		if seen := mallory.sees(); len(seen) != 0 {
			t.Errorf("a stranger is told %+v", seen)
		}
		if seen, told := all[0].sees()[mallory.account.Key()]; told {
			t.Errorf("of a stranger is told %+v", seen)
		}
		all[1].Friends(nil)
		if seen := all[0].sees()[all[1].account.Key()]; len(seen.Devices) != 0 || !seen.LastSeen.IsZero() {
			t.Errorf("bob is no friend any more, and alice sees %+v", seen)
		}
	})
}

func TestACrashIsSeenWithin15Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		all := s.befriended(t, "alice", "bob")
		time.Sleep(7 * time.Minute)
		all[0].told()
		all[1].stop()
		crash := time.Now()
		time.Sleep(5 * time.Second)
		if seen := all[0].sees(); len(seen) != 0 {
			t.Errorf("a pause of 5 s is told as %+v", seen)
		}
		time.Sleep(10 * time.Second)
		seen, told := all[0].sees()[all[1].account.Key()]
		if !told || len(seen.Devices) != 0 || crash.Sub(seen.LastSeen).Abs() > 5*time.Second {
			t.Errorf("15 s after a crash alice sees %+v, %v", seen, told)
		}
	})
}

func TestAClientComesBackWhenTheDirectoryDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		all := s.befriended(t, "alice", "bob")
		node := s.node
		s.set(nil)
		all[0].told()
		time.Sleep(time.Minute)
		lost, ok := last[client.Lost](all[0])
		if !ok || !errors.Is(lost.Err, client.ErrUnavailable) || lost.NextTry.IsZero() {
			t.Fatalf("told %+v, %v", lost, ok)
		}
		s.set(node)
		time.Sleep(2 * time.Minute)
		back := false
		for _, e := range all[0].told() {
			if _, ok := e.(client.Connected); ok {
				back = true
			}
			if seen, ok := e.(client.Seen); ok && seen.Person == all[1].account.Key() && back && len(seen.Devices) == 1 {
				return
			}
		}
		t.Error("alice does not see bob again")
	})
}

func TestManyClientsDoNotComeBackAtOnce(t *testing.T) {
	least, most := time.Hour, time.Duration(0)
	for i := range 100 {
		d := client.PauseAfter(0, nil, float64(i)/100)
		least, most = min(least, d), max(most, d)
	}
	if least < 100*time.Millisecond || most > 2*time.Second || most-least < time.Second {
		t.Errorf("the first try is after %v to %v", least, most)
	}
	if d := client.PauseAfter(50, nil, 1); d > time.Minute {
		t.Errorf("a late try is after %v", d)
	}
	if d := client.PauseAfter(0, &dirwire.Failure{Code: dirwire.CodeTrouble, RetryMS: 10_000}, 0); d < 10*time.Second {
		t.Errorf("the service asks for 10 s, and the next try is after %v", d)
	}
}

func TestALetterWaitsUntilItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		alice, bob := s.registered(t, "alice").attend(), s.registered(t, "bob")
		alice.told()
		for _, text := range []string{"first", "second"} {
			if online, err := alice.Send(t.Context(), bob.account.Key(), []byte(text)); err != nil || online {
				t.Fatalf("%v, %v", online, err)
			}
		}
		bob.attend()
		mail, ok := last[client.Mail](bob)
		if !ok || string(mail.Sealed) != "second" || mail.From != alice.account.Key() {
			t.Fatalf("bob gets %+v, %v", mail, ok)
		}
		if online, err := alice.Send(t.Context(), bob.account.Key(), []byte("third")); err != nil || !online {
			t.Errorf("bob is there: %v, %v", online, err)
		}
		third, ok := last[client.Mail](bob)
		if !ok || string(third.Sealed) != "third" {
			t.Errorf("pushed is %+v, %v", third, ok)
		}
		if err := bob.Taken(t.Context(), mail.ID); err != nil { // the second has made way
			t.Error(err)
		}
		bob.stop()
		bob.attend()
		if again, ok := last[client.Mail](bob); !ok || again.ID != third.ID {
			t.Errorf("what was not taken does not come again: %+v, %v", again, ok)
		}
		if err := bob.Taken(t.Context(), third.ID); err != nil {
			t.Error(err)
		}
		bob.stop()
		bob.attend()
		if again, ok := last[client.Mail](bob); ok {
			t.Errorf("what was taken comes again: %+v", again)
		}
		if _, err := alice.Send(t.Context(), secret(t).Key(), []byte("x")); !errors.Is(err, client.ErrNoPerson) {
			t.Errorf("to nobody: %v", err)
		}
		if _, err := alice.Send(t.Context(), bob.account.Key(), bytes.Repeat([]byte("x"), client.MaxSealed+1)); !errors.Is(err, client.ErrTooLong) {
			t.Errorf("a long one: %v", err)
		}
	})
}

func TestALetterThatNobodyHasSignedIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		alice, bob := s.registered(t, "alice").attend(), s.registered(t, "bob")
		alice.told()
		if _, err := alice.Send(t.Context(), bob.account.Key(), []byte("hello")); err != nil {
			t.Fatal(err)
		}
		s.lie = func(m dirwire.Method, body []byte) []byte {
			e, err := dirwire.Parse[dirwire.Events](body)
			if m != dirwire.MethodAttend || err != nil {
				return body
			}
			for i := range e.Letters {
				e.Letters[i].Sealed = []byte("forged")
			}
			return dirwire.Append(nil, e)
		}
		bob.attend()
		if mail, ok := last[client.Mail](bob); ok {
			t.Errorf("told is %+v", mail)
		}
	})
}

func TestARevokedDeviceIsOutAtOnceAndTheOthersHearOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		phone := s.registered(t, "alice").attend()
		phone.told()
		laptop := s.deviceOf(t, "alice", phone.account).attend()
		if e, ok := last[client.NewDevice](phone); !ok || e.Certificate != laptop.cert {
			t.Errorf("the phone hears of %+v, %v", e, ok)
		}
		if e, ok := last[client.NewDevice](laptop); ok {
			t.Errorf("the laptop hears of what it knows: %+v", e)
		}
		revoked := phone.certify(laptop.device.Key(), time.Unix(1e9, 0), true)
		if err := phone.Certify(t.Context(), revoked); err != nil {
			t.Fatal(err)
		}
		if e, ok := last[client.NewDevice](phone); !ok || !e.Certificate.Revoked {
			t.Errorf("the phone hears of %+v, %v", e, ok)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if _, err := laptop.Send(t.Context(), phone.account.Key(), []byte("x")); err == nil {
			t.Error("a revoked device sends")
		}
		// Its old certificate does not help, nor does showing it again.
		if err := laptop.Certify(t.Context(), laptop.cert); !errors.Is(err, client.ErrRevoked) {
			t.Errorf("its certificate of before is answered with %v", err)
		}
		laptop.stop()
		if err := laptop.Attend(t.Context(), client.Attendance{Certificate: laptop.cert, Tell: func(client.Event) {}}); !errors.Is(err, client.ErrRevoked) {
			t.Errorf("a revoked device attends: %v", err)
		}
	})
}

func TestAnotherNodeThatAnswersGetsANewSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, nodes := cluster(t, 2)
		all := s.befriended(t, "alice", "bob")
		all[0].told()
		s.set(nodes[1])
		time.Sleep(20 * time.Second)
		connected := false
		for _, e := range all[0].told() {
			if _, ok := e.(client.Connected); ok {
				connected = true
			}
		}
		if !connected || nodes[1].Figures().Sessions != 2 || nodes[0].Figures().Sessions != 0 {
			t.Errorf("connected: %v, sessions %+v and %+v", connected, nodes[0].Figures(), nodes[1].Figures())
		}
		if _, err := all[0].Send(t.Context(), all[1].account.Key(), []byte("x")); err != nil {
			t.Error(err)
		}
	})
}

// Of a profile that was copied and runs twice each one ends the session of the other. A service that is started again ends one of each.
func TestWhoseDeviceAttendsTwiceIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		phone := s.registered(t, "alice").attend()
		twin := s.on(t, "alice", phone.account, phone.device)
		time.Sleep(time.Minute)
		if e, ok := last[client.Lost](phone); ok {
			t.Errorf("alone it is told %v", e.Err)
		}
		twin.attend()
		time.Sleep(3 * time.Minute)
		for name, p := range map[string]*person{"the first": phone, "the second": twin} {
			if e, ok := last[client.Lost](p); !ok || !errors.Is(e.Err, client.ErrTwin) {
				t.Errorf("%s is told %v", name, e.Err)
			}
		}
	})
}
