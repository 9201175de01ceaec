package directory_test

import (
	"testing"

	"p2p/tracker/directory"
	"p2p/tracker/ledger"
)

// silent is a broadcast that nobody hears.
type silent struct{}

func (silent) Publish([]byte) error                   { return nil }
func (silent) Subscribe(func([]byte)) (func(), error) { return func() {}, nil }

func FuzzHear(f *testing.F) {
	f.Add([]byte(`{"node":1,"number":3,"ask":[0]}`), []byte(`{"node":1,"number":9,"begin":true}`))
	f.Add([]byte(`{"node":1,"number":1,"update":[{"left":5}]}`), []byte(`{"node":1,"number":1,"end":true}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		d, err := directory.New(directory.Options{Ledger: new(ledger.Memory), Broadcast: silent{}})
		if err != nil {
			t.Fatal(err)
		}
		d.Hear(a)
		d.Hear(b)
		if f := d.Figures(); f.People > len(a)+len(b) {
			t.Errorf("%+v", f)
		}
	})
}
