package directory_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/identity"
	"p2p/tracker/directory"
	"p2p/tracker/dirseal"
	"p2p/tracker/dirwire"
	"p2p/tracker/ledger"
)

func TestWhatWasRecordedCannotBeUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, directory.Options{})
		r := client(t, d)
		proof, body, code := r.proves(r.account, dirwire.MethodRegister, r.registration("alice"))
		want(t, "a registration", code, "")
		_, code = r.post(dirwire.MethodRegister, proof, body)
		want(t, "the same again", code, dirwire.CodeProof)
		proof, body, code = r.proves(r.device, dirwire.MethodLogin, dirwire.Named{Name: "alice"})
		want(t, "a login", code, "")
		_, code = r.post(dirwire.MethodLogin, proof, body)
		want(t, "the same again", code, dirwire.CodeProof)
		r.open()
		send := dirwire.Append(nil, r.letter(r.account.Key(), "x"))
		proof = r.sign(dirwire.MethodSend, 1, send)
		_, code = r.post(dirwire.MethodSend, proof, send)
		want(t, "a letter", code, "")
		_, code = r.post(dirwire.MethodSend, proof, send)
		want(t, "the same again", code, dirwire.CodeProof)
		r.open()
		_, code = r.post(dirwire.MethodSend, proof, send)
		want(t, "in another session", code, dirwire.CodeSession)
	})
}

// Who has recorded bytes can send them again, and have them opened: it changes nothing, and he cannot read what comes back.
func TestWhatWasSealedCannotBeUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, directory.Options{})
		alice := registered(t, d, "alice")
		again := func(what string, r *raw, m dirwire.Method, proof string, message any, first, second dirwire.Code) {
			t.Helper()
			sealed, answers := r.seal(m, proof, dirwire.Append(nil, message))
			var before []byte
			for _, code := range []dirwire.Code{first, second} {
				answer, refused := r.posts(sealed)
				want(t, what+" in clear", refused, "")
				if bytes.Equal(answer, before) {
					t.Errorf("%s: the answers are the same bytes", what)
				}
				before = answer
				_, got := r.opens(answers, answer)
				want(t, what, got, code)
			}
		}
		bob := client(t, d)
		registration := dirwire.Append(nil, bob.registration("bob"))
		challenge := bob.challenge()
		proof := dirwire.NewProof(bob.account, bob.service, dirwire.MethodRegister, challenge, 0, registration).String()
		again("a registration", bob, dirwire.MethodRegister, proof, bob.registration("bob"), "", dirwire.CodeProof)
		letter := bob.letter(alice.account.Key(), "x")
		bob.open()
		again("a letter", bob, dirwire.MethodSend, bob.sign(dirwire.MethodSend, 1, dirwire.Append(nil, letter)), letter, "", dirwire.CodeProof)
		attend := dirwire.Attend{Presence: &dirwire.Presence{Port: 1}}
		again("an attend", bob, dirwire.MethodAttend, bob.sign(dirwire.MethodAttend, 2, dirwire.Append(nil, attend)), attend, "", dirwire.CodeProof)
		again("a question", bob, dirwire.MethodFind, "", dirwire.Named{Name: "alice"}, "", "")
		again("a certificate", bob, dirwire.MethodCertify, "", dirwire.Certified{Certificate: bob.certificate(false)}, "", "")
		synctest.Wait()
		if n := d.Figures().Letters; n != 1 {
			t.Errorf("%d letters wait", n)
		}
	})
}

// All nodes of a service open what is sealed for one of them, also after a restart; one with another ledger does not.
func TestAServiceHasOneKey(t *testing.T) {
	l := new(ledger.Memory)
	one, two, other := run(t, directory.Options{Ledger: l}), run(t, directory.Options{Ledger: l}), run(t, directory.Options{})
	r := client(t, one)
	sealed, answers := r.seal(dirwire.MethodHello, "", []byte("{}"))
	r.d = two
	answer, code := r.posts(sealed)
	want(t, "at another node", code, "")
	_, code = r.opens(answers, answer)
	want(t, "opened", code, "")
	r.d = other
	_, code = r.posts(sealed)
	want(t, "at another service", code, dirwire.CodeKey)
}

func TestRequestsMayOvertakeEachOtherButNotMuch(t *testing.T) {
	d := run(t, directory.Options{})
	r := registered(t, d, "alice")
	taken := func(count uint64) dirwire.Code {
		body := dirwire.Append(nil, dirwire.Taken{ID: r.account.Key().String() + ".00"})
		_, code := r.post(dirwire.MethodTaken, r.sign(dirwire.MethodTaken, count, body), body)
		return code
	}
	for _, c := range []struct {
		count uint64
		code  dirwire.Code
	}{
		{0, dirwire.CodeProof}, {5, ""}, {3, ""}, {3, dirwire.CodeProof}, {5, dirwire.CodeProof}, {100, ""}, {37, ""}, {36, dirwire.CodeProof}, {37, dirwire.CodeProof},
		{1 << 62, ""}, {101, dirwire.CodeProof}, {1<<64 - 1, ""},
	} {
		want(t, fmt.Sprint("count ", c.count), taken(c.count), c.code)
	}
}

// An attend that comes late does not bring back what a later one has replaced.
func TestAnOldPresenceDoesNotReplaceANewOne(t *testing.T) {
	d := run(t, directory.Options{})
	r := registered(t, d, "alice")
	own := []identity.Key{r.account.Key()}
	say := func(count uint64, away bool) {
		body := dirwire.Append(nil, dirwire.Attend{Presence: &dirwire.Presence{Away: away}, Friends: &own})
		_, code := r.post(dirwire.MethodAttend, r.sign(dirwire.MethodAttend, count, body), body)
		want(t, "attend", code, "")
	}
	say(9, true)
	say(8, false)
	r.count = 20
	if e := r.events(0); len(e.Friends) != 1 || len(e.Friends[0].Devices) != 1 || !e.Friends[0].Devices[0].Away {
		t.Errorf("told is %+v", e)
	}
}

func TestASignatureForAnotherServiceIsWorthNothing(t *testing.T) {
	one, two := run(t, directory.Options{}), run(t, directory.Options{})
	r := client(t, one)
	challenge := r.challenge()
	body := dirwire.Append(nil, r.registration("alice"))
	proof := dirwire.NewProof(r.account, r.service, dirwire.MethodRegister, challenge, 0, body).String()
	r.d = two
	_, code := r.post(dirwire.MethodRegister, proof, body)
	want(t, "with the challenge of the other", code, dirwire.CodeProof)
	// One that passes the challenge of this one on, but under its own name.
	foreign := r.service
	challenge = r.challenge()
	_, code = r.post(dirwire.MethodRegister, dirwire.NewProof(r.account, foreign, dirwire.MethodRegister, challenge, 0, body).String(), body)
	want(t, "with the name of the other", code, dirwire.CodeProof)
}

func TestNobodySpeaksForSomebodyElse(t *testing.T) {
	d := run(t, directory.Options{})
	alice, mallory := registered(t, d, "alice"), registered(t, d, "mallory")
	_, _, code := mallory.proves(mallory.account, dirwire.MethodRename, dirwire.Rename{Account: alice.account.Key(), Name: "mine"})
	want(t, "renames her", code, dirwire.CodeProof)
	_, _, code = mallory.proves(mallory.account, dirwire.MethodPassword, dirwire.Password{Account: alice.account.Key(), Secrets: secrets(mallory.device.Key())})
	want(t, "sets her password", code, dirwire.CodeProof)
	_, _, code = mallory.proves(mallory.device, dirwire.MethodSeal, dirwire.Seal{Name: "alice", Secrets: secrets(mallory.device.Key())})
	want(t, "replaces her vault", code, dirwire.CodePassword)
	_, _, code = mallory.proves(mallory.device, dirwire.MethodOpen, dirwire.Certified{Certificate: alice.certificate(false)})
	want(t, "opens her session", code, dirwire.CodeProof)
	m := mallory.registration("alice-too")
	m.Account = alice.account.Key()
	_, _, code = mallory.proves(mallory.account, dirwire.MethodRegister, m)
	want(t, "registers her", code, dirwire.CodeMalformed)
	m = mallory.registration("mallory")
	m.Certificate = alice.certificate(false)
	_, _, code = mallory.proves(mallory.account, dirwire.MethodRegister, m)
	want(t, "registers her device", code, dirwire.CodeMalformed)

	body := dirwire.Append(nil, dirwire.Empty{})
	_, code = mallory.post(dirwire.MethodGoodbye, dirwire.NewProof(mallory.device, alice.service, dirwire.MethodGoodbye, alice.session, 1, body).String(), body)
	want(t, "ends her session", code, dirwire.CodeProof)
	forged := mallory.letter(alice.account.Key(), "x")
	forged.Signature = dirwire.SignLetter(mallory.account, alice.account.Key(), []byte("x"))
	_, code = mallory.says(dirwire.MethodSend, forged)
	want(t, "sends what its device has not signed", code, dirwire.CodeProof)
	_, code = alice.says(dirwire.MethodGoodbye, dirwire.Empty{})
	want(t, "alice herself", code, "")
}

func TestARevokedDeviceStaysOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, directory.Options{})
		r := registered(t, d, "alice")
		for range 2 { // the second time, nothing changes
			_, code := r.post(dirwire.MethodCertify, "", dirwire.Append(nil, dirwire.Certified{Certificate: r.certificate(true)}))
			want(t, "the revocation", code, "")
		}
		_, code := r.post(dirwire.MethodCertify, "", dirwire.Append(nil, dirwire.Certified{Certificate: r.certificate(false)}))
		want(t, "the certificate of before", code, dirwire.CodeRevoked)
		later, err := identity.Certify(r.account, r.device.Key(), "y", time.Unix(2e9, 0), false)
		if err != nil {
			t.Fatal(err)
		}
		_, code = r.post(dirwire.MethodCertify, "", dirwire.Append(nil, dirwire.Certified{Certificate: later.AppendTo(nil)}))
		want(t, "a later one, which who has the device can make", code, dirwire.CodeRevoked)
		synctest.Wait()
		_, code = r.says(dirwire.MethodAttend, dirwire.Attend{})
		want(t, "its session", code, dirwire.CodeSession)
		_, _, code = r.proves(r.device, dirwire.MethodOpen, dirwire.Certified{Certificate: r.certificate(false)})
		want(t, "a new one", code, dirwire.CodeRevoked)
	})
}

func TestAListOfDevicesHasAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, directory.Options{})
		r := registered(t, d, "alice")
		var code dirwire.Code
		added := 1
		for ; code == "" && added <= dirwire.MaxDevices; added++ {
			time.Sleep(time.Minute)
			r.device = secret(t)
			_, code = r.post(dirwire.MethodCertify, "", dirwire.Append(nil, dirwire.Certified{Certificate: r.certificate(false)}))
		}
		want(t, "one too many", code, dirwire.CodeFull)
		if added != dirwire.MaxDevices+1 {
			t.Errorf("%d devices found room", added)
		}
	})
}

func TestNonsenseIsRefusedWithAReason(t *testing.T) {
	d := run(t, directory.Options{})
	r := registered(t, d, "alice")
	for _, m := range []dirwire.Method{
		dirwire.MethodFind, dirwire.MethodBegin, dirwire.MethodLogin, dirwire.MethodRegister, dirwire.MethodSeal, dirwire.MethodPassword, dirwire.MethodRename,
		dirwire.MethodCertify, dirwire.MethodOpen, dirwire.MethodAttend, dirwire.MethodSend, dirwire.MethodTaken, dirwire.MethodGoodbye, "", "x", "../announce",
	} {
		for _, body := range []string{"", "nonsense", "[]", "[[[[", `{"name":7}`, strings.Repeat("[", dirwire.MaxRequest)} {
			for _, proof := range []string{"", "P2P", "Bearer x", "P2P a.b.c", "P2P " + strings.Repeat("x", 500)} {
				if _, code := r.post(m, proof, []byte(body)); code == "" || code == dirwire.CodeTrouble {
					t.Errorf("%s %.20q %.20q: %q", m, proof, body, code)
				}
			}
		}
	}
	sealed, answers := r.seal("of a later build", "", []byte("{}"))
	w := httptest.NewRecorder()
	q := httptest.NewRequest(http.MethodPost, dirwire.Prefix+dirwire.PathSealed, bytes.NewReader(sealed))
	q.RemoteAddr = r.from
	d.ServeHTTP(w, q)
	answer, err := answers.Open(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if f, err := dirwire.Parse[dirwire.Failure](answer.Body); !answer.Failed || err != nil || f.Code != dirwire.CodeMalformed || f.Level != dirwire.Level {
		t.Errorf("a method that it does not know: %+v, %v", f, err)
	}
	for size, code := range map[int]dirwire.Code{
		0: dirwire.CodeMalformed, 100: dirwire.CodeMalformed, 2000: dirwire.CodeKey, dirseal.MaxRequest: dirwire.CodeKey, 10 * dirseal.MaxRequest: dirwire.CodeMalformed,
	} {
		_, got := r.posts(make([]byte, size))
		want(t, fmt.Sprint("sealed is nothing in ", size, " bytes"), got, code)
	}
	for path, method := range map[string]string{"hello": http.MethodPost, dirwire.PathSealed: http.MethodGet, dirwire.PathKey: http.MethodPost, "": http.MethodPost} {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequest(method, dirwire.Prefix+path, strings.NewReader("{}")))
		f, err := dirwire.Parse[dirwire.Failure](w.Body.Bytes())
		if w.Code != http.StatusBadRequest || err != nil || f.Level != dirwire.Level {
			t.Errorf("%s %s in clear: %d, %+v, %v", method, path, w.Code, f, err)
		}
	}
	if got := d.Counters().Failed.Load(); got != 0 {
		t.Errorf("%d requests are the service's own failures", got)
	}
}

func TestAFloodFromOneAddressMeetsALimitAndOthersDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, directory.Options{})
		r, other := client(t, d), client(t, d)
		other.from = "203.0.113.1:1"
		refused := 0
		for range 3000 {
			if _, code := r.post(dirwire.MethodHello, "", []byte("{}")); code == dirwire.CodeSlow {
				refused++
			}
		}
		if refused < 1000 {
			t.Errorf("of 3000 at once %d are refused", refused)
		}
		_, code := other.post(dirwire.MethodHello, "", []byte("{}"))
		want(t, "from another address", code, "")
		r.from = "[2001:db8::1]:1"
		for range 3000 {
			r.post(dirwire.MethodHello, "", []byte("{}"))
		}
		r.from = "[2001:db8::2]:1"
		_, code = r.post(dirwire.MethodHello, "", []byte("{}"))
		want(t, "from the same network of IPv6", code, dirwire.CodeSlow)
	})
}

func TestNamesCannotBeHoarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, directory.Options{})
		got := 0
		for i := range 100 {
			r := client(t, d)
			if _, _, code := r.proves(r.account, dirwire.MethodRegister, r.registration(fmt.Sprintf("name-%d-x", i+100))); code == "" {
				got++
			}
		}
		if got > 20 {
			t.Errorf("one address has registered %d names at once", got)
		}
	})
}

func TestLettersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, directory.Options{})
		victim := registered(t, d, "victim")
		flooder := registered(t, d, "flooder")
		var code dirwire.Code
		sent := 0
		for ; sent < 100; sent++ {
			if _, code = flooder.says(dirwire.MethodSend, flooder.letter(victim.account.Key(), "x")); code != "" {
				break
			}
		}
		want(t, "too many at once", code, dirwire.CodeTooMany)
		synctest.Wait()
		if n := d.Figures().Letters; n != 1 || sent < 5 || sent > 20 {
			t.Errorf("%d were accepted, and %d wait", sent, n)
		}
		other := registered(t, d, "other")
		_, code = flooder.says(dirwire.MethodSend, flooder.letter(other.account.Key(), "x"))
		want(t, "to another", code, "")
		later := 0
		for range 60 {
			time.Sleep(time.Minute)
			flooder.open()
			if _, code = flooder.says(dirwire.MethodSend, flooder.letter(victim.account.Key(), "x")); code == "" {
				later++
			}
		}
		if later == 0 || later > 15 {
			t.Errorf("%d were accepted in the hour after that", later)
		}
		full := dirwire.Code("")
		n := 0
		for ; n < 200 && full == ""; n++ {
			time.Sleep(time.Minute)
			r := client(t, d)
			r.from = addr(n)
			if _, _, code := r.proves(r.account, dirwire.MethodRegister, r.registration(fmt.Sprintf("user-%d-x", n+200))); code != "" {
				t.Fatal(code)
			}
			r.open()
			_, full = r.says(dirwire.MethodSend, r.letter(victim.account.Key(), "x"))
			synctest.Wait()
		}
		want(t, "a mailbox", full, dirwire.CodeFull)
		if n > 130 {
			t.Errorf("%d letters wait for one person", n)
		}
	})
}

func TestALetterIsToldAgainUntilItsAnswerHasCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, directory.Options{})
		alice, bob := registered(t, d, "alice"), registered(t, d, "bob")
		if _, code := alice.says(dirwire.MethodSend, alice.letter(bob.account.Key(), "hello")); code != "" {
			t.Fatal(code)
		}
		synctest.Wait()
		first := bob.events(0)
		again := bob.events(0) // the first answer was lost
		quiet := bob.events(again.Number)
		if len(first.Letters) != 1 || len(again.Letters) != 1 || len(quiet.Letters) != 0 || !bytes.Equal(first.Letters[0].Sealed, []byte("hello")) {
			t.Errorf("told %+v, %+v, %+v", first, again, quiet)
		}
	})
}

func TestWhoWaitsIsLetGoWhenTheServiceStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, directory.Options{})
		r := registered(t, d, "alice")
		began := time.Now()
		done := make(chan dirwire.Code, 1)
		go func() {
			_, code := r.says(dirwire.MethodAttend, dirwire.Attend{Wait: 1 << 40})
			done <- code
		}()
		time.Sleep(time.Second)
		d.Release()
		want(t, "the attend", <-done, "")
		if time.Since(began) != time.Second {
			t.Errorf("it was let go after %v", time.Since(began))
		}
		_, code := r.says(dirwire.MethodAttend, dirwire.Attend{})
		want(t, "another attend", code, dirwire.CodeTrouble)
	})
}

func TestSoManyWaitAndOthersAreToldToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := run(t, directory.Options{MaxWaiting: 1})
		one, two := registered(t, d, "one"), registered(t, d, "two")
		done := make(chan struct{})
		go func() {
			defer close(done)
			one.says(dirwire.MethodAttend, dirwire.Attend{Wait: 5000})
		}()
		synctest.Wait()
		b, code := two.says(dirwire.MethodAttend, dirwire.Attend{Wait: 5000})
		if e, err := dirwire.Parse[dirwire.Events](b); err != nil || !e.Busy {
			t.Errorf("%q: %+v, %v", code, e, err)
		}
		<-done
	})
}
