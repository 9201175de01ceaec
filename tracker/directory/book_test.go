package directory_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2p/tracker/directory"
	"p2p/tracker/dirwire"
	"p2p/tracker/ledger"
)

// A node that dies between the two writes of a registration leaves a name without anybody. It is
// free again after a while, and for who wanted it at once.
func TestANameThatNobodyStandsBehindIsFreeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(ledger.Memory)
		d := run(t, directory.Options{Ledger: l})
		one, two := client(t, d), client(t, d)
		names, err := l.Bucket(t.Context(), "people-names")
		if err != nil {
			t.Fatal(err)
		}
		name, err := dirwire.ParseName("alice")
		if err != nil {
			t.Fatal(err)
		}
		claim := fmt.Sprintf(`{"account":%q,"at":%d}`, one.account.Key(), time.Now().Unix())
		if _, err := names.Create(t.Context(), name.Key(), []byte(claim)); err != nil {
			t.Fatal(err)
		}
		try := func(r *raw) dirwire.Code {
			_, _, code := r.proves(r.account, dirwire.MethodRegister, r.registration("alice"))
			return code
		}
		_, code := two.post(dirwire.MethodFind, "", dirwire.Append(nil, dirwire.Named{Name: "alice"}))
		want(t, "who has it", code, dirwire.CodeNoPerson)
		want(t, "another wants it at once", try(two), dirwire.CodeTaken)
		time.Sleep(10 * time.Minute)
		want(t, "another wants it later", try(two), "")
		want(t, "who wanted it comes back", try(one), dirwire.CodeTaken)
	})
}

// faulty is a ledger whose writes fail now and then, some of them after they have happened.
type faulty struct {
	ledger.Ledger
	luck *rand.Rand // nil for no failures
}

func (f *faulty) Bucket(ctx context.Context, name string) (ledger.Bucket, error) {
	b, err := f.Ledger.Bucket(ctx, name)
	return faultyBucket{b, f}, err
}

type faultyBucket struct {
	ledger.Bucket
	*faulty
}

func (f *faulty) fails() error {
	if f.luck != nil && f.luck.IntN(4) == 0 {
		return fmt.Errorf("away: %w", context.DeadlineExceeded)
	}
	return nil
}

// Create implements ledger.Bucket.
func (b faultyBucket) Create(ctx context.Context, key string, value []byte) (ledger.Revision, error) {
	if err := b.fails(); err != nil {
		return 0, err
	}
	r, err := b.Bucket.Create(ctx, key, value)
	if lost := b.fails(); lost != nil {
		return 0, lost
	}
	return r, err
}

// Update implements ledger.Bucket.
func (b faultyBucket) Update(ctx context.Context, key string, value []byte, was ledger.Revision) (ledger.Revision, error) {
	if err := b.fails(); err != nil {
		return 0, err
	}
	r, err := b.Bucket.Update(ctx, key, value, was)
	if lost := b.fails(); lost != nil {
		return 0, lost
	}
	return r, err
}

// Whoever tries again until it is done has the name he wanted, whatever failed in between, and nobody else has it.
func TestRegistrationsAndRenamesSurviveALedgerThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(30) {
			l := &faulty{Ledger: new(ledger.Memory)}
			d := run(t, directory.Options{Ledger: l})
			r := client(t, d)
			r.from = "127.0.0.1:1" // which may try as often as it likes
			r.challenge()          // the id and the key of the service are drawn
			synctest.Wait()        // by the directory too
			l.luck = rand.New(rand.NewPCG(seed, 0))
			until := func(what string, f func() dirwire.Code) {
				for range 100 {
					switch code := f(); code {
					case "":
						return
					case dirwire.CodeTrouble:
					default:
						t.Fatalf("seed %d: %s: %s", seed, what, code)
					}
				}
				t.Errorf("seed %d: %s does not succeed", seed, what)
			}
			until("register", func() dirwire.Code {
				_, _, code := r.proves(r.account, dirwire.MethodRegister, r.registration("alice"))
				return code
			})
			until("rename", func() dirwire.Code {
				_, _, code := r.proves(r.account, dirwire.MethodRename, dirwire.Rename{Account: r.account.Key(), Name: "carol"})
				return code
			})
			for name, found := range map[string]bool{"carol": true, "alice": false} {
				b, code := r.post(dirwire.MethodFind, "", dirwire.Append(nil, dirwire.Named{Name: name}))
				if is := code == "" && strings.Contains(string(b), r.account.Key().String()); is != found {
					t.Errorf("seed %d: %s: %s %s", seed, name, code, b)
				}
			}
		}
	})
}
