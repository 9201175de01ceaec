package directory_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	client "p2p/peer/directory"
	"p2p/tracker/dirwire"
)

func TestWhoRegistersIsFoundAndLogsInElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		alice := s.registered(t, "Alice")
		for _, name := range []string{"Alice", "aLICE", "ａｌｉｃｅ"} {
			p, err := alice.Find(t.Context(), name)
			if err != nil || p.Account != alice.account.Key() || p.Name != "Alice" || len(p.Certificates) != 1 || p.Certificates[0] != alice.cert {
				t.Errorf("%s is found as %+v, %v", name, p, err)
			}
		}
		if _, err := alice.Find(t.Context(), "allce"); !errors.Is(err, client.ErrNoPerson) {
			t.Errorf("a name that looks like hers: %v", err)
		}
		got, err := s.stranger(t, "?").Login(t.Context(), "alice", password)
		if err != nil || got.Account.Key() != alice.account.Key() || got.Name != "Alice" || string(got.Extra) != "extra of Alice" {
			t.Errorf("login returns %+v, %v", got, err)
		}
		if _, err := alice.Login(t.Context(), "alice", []byte("wrong horse")); !errors.Is(err, client.ErrPassword) {
			t.Errorf("a wrong password: %v", err)
		}
		if _, err := alice.Login(t.Context(), "bob", password); !errors.Is(err, client.ErrNoPerson) {
			t.Errorf("a name that nobody has: %v", err)
		}
	})
}

func TestANameIsOnePersons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		s.registered(t, "Paul")
		for _, name := range []string{"paul", "PAUL", "pauI", "рaul", "раuӏ"} {
			p := s.stranger(t, name)
			err := p.Register(t.Context(), name, password, p.account, nil, p.cert)
			var broken *client.NameError
			if !errors.Is(err, client.ErrTaken) && !errors.As(err, &broken) {
				t.Errorf("%s is registered too: %v", name, err)
			}
		}
	})
}

func TestAPasswordCanBeReplacedAndTheVaultToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		p := s.registered(t, "alice")
		if err := p.Seal(t.Context(), "alice", []byte("wrong horse"), p.account, nil); !errors.Is(err, client.ErrPassword) {
			t.Errorf("the vault is replaced with a wrong password: %v", err)
		}
		if err := p.Seal(t.Context(), "alice", password, p.account, []byte("more")); err != nil {
			t.Fatal(err)
		}
		if got, err := p.Login(t.Context(), "alice", password); err != nil || string(got.Extra) != "more" {
			t.Errorf("the vault holds %q, %v", got.Extra, err)
		}
		if err := p.SetPassword(t.Context(), []byte("battery staple"), p.account, []byte("new")); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Login(t.Context(), "alice", password); !errors.Is(err, client.ErrPassword) {
			t.Errorf("the old password: %v", err)
		}
		if got, err := p.Login(t.Context(), "alice", []byte("battery staple")); err != nil || string(got.Extra) != "new" {
			t.Errorf("with the new password the vault holds %q, %v", got.Extra, err)
		}
		if err := p.SetPassword(t.Context(), []byte("short"), p.account, nil); !errors.Is(err, client.ErrWeakPassword) {
			t.Errorf("a short password: %v", err)
		}
		other := s.stranger(t, "mallory")
		if err := other.SetPassword(t.Context(), password, other.account, nil); !errors.Is(err, client.ErrNoPerson) {
			t.Errorf("somebody without a name sets a password: %v", err)
		}
	})
}

func TestARenameFreesTheOldName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		alice, bob := s.registered(t, "alice"), s.registered(t, "bob")
		if err := bob.Rename(t.Context(), bob.account, "ALICE"); !errors.Is(err, client.ErrTaken) {
			t.Errorf("a name that is taken: %v", err)
		}
		if err := alice.Rename(t.Context(), alice.account, "Alice"); err != nil {
			t.Errorf("another case of the same name: %v", err)
		}
		if err := alice.Rename(t.Context(), alice.account, "carol"); err != nil {
			t.Fatal(err)
		}
		if err := bob.Rename(t.Context(), bob.account, "alice"); err != nil {
			t.Errorf("a name that has become free: %v", err)
		}
		if p, err := bob.Find(t.Context(), "alice"); err != nil || p.Account != bob.account.Key() {
			t.Errorf("alice is %v, %v", p.Account, err)
		}
		if err := s.stranger(t, "x").Rename(t.Context(), secret(t), "nobody-has-this"); !errors.Is(err, client.ErrNoPerson) {
			t.Errorf("somebody without a name renames: %v", err)
		}
	})
}

func TestARegistrationThatIsRepeatedIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		alice := s.registered(t, "alice")
		if err := alice.Register(t.Context(), "alice", password, alice.account, []byte("again"), alice.cert); err != nil {
			t.Errorf("the same again: %v", err)
		}
		if err := alice.Register(t.Context(), "alicia", password, alice.account, nil, alice.cert); err != nil {
			t.Errorf("with another name: %v", err)
		}
		if _, err := alice.Find(t.Context(), "alice"); !errors.Is(err, client.ErrNoPerson) {
			t.Errorf("the old name is hers still: %v", err)
		}
	})
}

func TestPasswordsCannotBeGuessedInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		p := s.registered(t, "alice")
		var slow *client.SlowError
		tries := 0
		for ; tries < 100 && slow == nil; tries++ {
			s.from = fmt.Sprintf("192.0.2.%d:1000", tries) // many guess together
			_, err := p.Login(t.Context(), "alice", fmt.Appendf(nil, "guess %d of many", tries))
			if !errors.As(err, &slow) && !errors.Is(err, client.ErrPassword) {
				t.Fatal(err)
			}
		}
		if tries > 11 || slow == nil || slow.RetryIn <= 0 || slow.RetryIn > time.Minute {
			t.Fatalf("%d tries, then %v", tries, slow)
		}
		time.Sleep(slow.RetryIn)
		if _, err := p.Login(t.Context(), "alice", password); err != nil {
			t.Errorf("the owner, when told to come back: %v", err)
		}
		for range 50 {
			if _, err := p.Login(t.Context(), "alice", password); err != nil {
				t.Fatalf("good logins count as tries: %v", err)
			}
			time.Sleep(time.Second)
		}
	})
}

func TestALyingDirectoryIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := alone(t)
		alice, mallory := s.registered(t, "alice"), s.registered(t, "mallory")
		forged := mallory.certify(secret(t).Key(), time.Unix(1e9, 0), false)
		s.lie = func(m dirwire.Method, body []byte) []byte {
			switch m {
			case dirwire.MethodFind:
				p, _ := dirwire.Parse[dirwire.Person](body)
				p.Certificates = append(p.Certificates, forged.AppendTo(nil), []byte("nonsense"))
				return dirwire.Append(nil, p)
			case dirwire.MethodLogin:
				v, _ := dirwire.Parse[dirwire.Vault](body)
				v.Account = mallory.account.Key()
				return dirwire.Append(nil, v)
			}
			return body
		}
		if p, err := alice.Find(t.Context(), "alice"); err != nil || len(p.Certificates) != 1 {
			t.Errorf("a device that another account has certified is shown as hers: %+v, %v", p, err)
		}
		if _, err := alice.Login(t.Context(), "alice", password); !errors.Is(err, client.ErrUntrusted) {
			t.Errorf("the vault of another account: %v", err)
		}
		for _, cost := range []dirwire.Cost{{Time: 0, Memory: 64, Threads: 1}, {Time: 1, Memory: 8, Threads: 1}, {Time: 1, Memory: 1 << 30, Threads: 1}, {Time: 1 << 31, Memory: 64, Threads: 1}} {
			s.lie = func(m dirwire.Method, body []byte) []byte {
				b, err := dirwire.Parse[dirwire.Begun](body)
				if m != dirwire.MethodBegin || err != nil {
					return body
				}
				b.Cost = cost
				return dirwire.Append(nil, b)
			}
			if _, err := alice.Login(t.Context(), "alice", password); !errors.Is(err, client.ErrUntrusted) {
				t.Errorf("a cost of %+v: %v", cost, err)
			}
		}
		s.lie = func(_ dirwire.Method, body []byte) []byte { return make([]byte, 1<<20) }
		if _, err := alice.Find(t.Context(), "alice"); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("an answer without end: %v", err)
		}
	})
}
