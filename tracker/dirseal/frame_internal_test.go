package dirseal

import (
	"errors"
	"reflect"
	"testing"

	"p2p/tracker/dirwire"
)

// FuzzFrame reads everything as both frames: what is accepted is read again as it is written.
func FuzzFrame(f *testing.F) {
	request, _ := Request{"find", "proof", []byte("body")}.frame()
	answer, _ := Answer{true, []byte("body")}.frame()
	f.Add(request)
	f.Add(answer)
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := parseRequest(b); err == nil {
			again(t, r, Request.frame, parseRequest)
		} else if !errors.Is(err, dirwire.ErrMalformed) {
			t.Error(err)
		}
		if a, err := parseAnswer(b); err == nil {
			again(t, a, Answer.frame, parseAnswer)
		} else if !errors.Is(err, dirwire.ErrMalformed) {
			t.Error(err)
		}
	})
}

func again[T any](t *testing.T, m T, frame func(T) ([]byte, error), parse func([]byte) (T, error)) {
	t.Helper()
	b, err := frame(m)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parse(b); err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("%v is read as %v, %v", m, got, err)
	}
}
