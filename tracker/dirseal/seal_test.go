package dirseal_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"p2p/tracker/dirseal"
	"p2p/tracker/dirwire"
)

func draw(t testing.TB) dirseal.Private {
	t.Helper()
	k, err := dirseal.NewPrivate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func seal(t testing.TB, k dirseal.Private, r dirseal.Request) ([]byte, dirseal.Channel) {
	t.Helper()
	sealed, answers, err := k.Public().Seal(r)
	if err != nil {
		t.Fatal(err)
	}
	return sealed, answers
}

func TestARequestAndItsAnswerArriveAsTheyWereSealed(t *testing.T) {
	k := draw(t)
	for _, size := range []int{0, 1, 300, dirwire.MaxRequest} {
		want := dirseal.Request{Method: dirwire.MethodFind, Proof: strings.Repeat("p", 200), Body: bytes.Repeat([]byte("b"), size)}
		sealed, client := seal(t, k, want)
		if len(sealed) > dirseal.MaxRequest {
			t.Errorf("%d bytes become %d", size, len(sealed))
		}
		got, service, err := k.Open(sealed)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%d bytes: %v, %v", size, got.Method, err)
		}
		for _, want := range []dirseal.Answer{{Body: []byte("yes")}, {Failed: true, Body: []byte{}}, {Body: bytes.Repeat([]byte("a"), dirwire.MaxAnswer)}} {
			sealed, err := service.Seal(want)
			if err != nil || len(sealed) > dirseal.MaxAnswer {
				t.Fatal(len(sealed), err)
			}
			if got, err := client.Open(sealed); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("the answer %.9v is %.9v, %v", want, got, err)
			}
		}
	}
}

func TestWhatWasChangedOrIsForSomebodyElseIsNotOpened(t *testing.T) {
	k, other := draw(t), draw(t)
	sealed, client := seal(t, k, dirseal.Request{Method: "m", Body: []byte("b")})
	if _, _, err := other.Open(sealed); !errors.Is(err, dirseal.ErrKey) {
		t.Errorf("with another key: %v", err)
	}
	_, service, err := k.Open(sealed)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := service.Seal(dirseal.Answer{Body: []byte("a")})
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if i%97 == 0 || i == len(sealed)-1 {
			if _, _, err := k.Open(changed); !errors.Is(err, dirseal.ErrKey) {
				t.Errorf("with byte %d changed: %v", i, err)
			}
		}
	}
	for i := range answer {
		changed := bytes.Clone(answer)
		changed[i] ^= 1
		if _, err := client.Open(changed); !errors.Is(err, dirseal.ErrKey) {
			t.Errorf("an answer with byte %d changed: %v", i, err)
		}
	}
	_, another := seal(t, k, dirseal.Request{Method: "m", Body: []byte("b")})
	if _, err := another.Open(answer); !errors.Is(err, dirseal.ErrKey) {
		t.Errorf("the answer to another request: %v", err)
	}
}

// Whoever sends a request again gets an answer under another key: no two of them are sealed with one key and nonce.
func TestEachAnswerHasAKeyOfItsOwn(t *testing.T) {
	k := draw(t)
	sealed, client := seal(t, k, dirseal.Request{Method: "m"})
	seen := map[string]bool{}
	for range 3 {
		_, service, err := k.Open(sealed)
		if err != nil {
			t.Fatal(err)
		}
		a, err := service.Seal(dirseal.Answer{Body: []byte("the same")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Open(a); err != nil {
			t.Error(err)
		}
		if seen[string(a[32:])] {
			t.Error("two answers are the same bytes")
		}
		seen[string(a[32:])] = true
	}
}

func TestTheLengthDoesNotTellWhatIsInside(t *testing.T) {
	k := draw(t)
	lengths := map[int]bool{}
	for _, r := range []dirseal.Request{
		{Method: dirwire.MethodHello, Body: []byte("{}")}, {Method: dirwire.MethodFind, Body: []byte(`{"name":"al"}`)},
		{Method: dirwire.MethodFind, Body: []byte(`{"name":"` + strings.Repeat("x", dirwire.MaxName) + `"}`)},
		{Method: dirwire.MethodAttend, Proof: strings.Repeat("p", 130), Body: []byte(`{"seen":1234567,"wait_ms":5000}`)},
	} {
		sealed, _ := seal(t, k, r)
		lengths[len(sealed)] = true
	}
	if len(lengths) != 1 {
		t.Errorf("they have the lengths %v", lengths)
	}
}

func TestWhatIsTooLongIsNotSealed(t *testing.T) {
	k := draw(t)
	for _, r := range []dirseal.Request{
		{Method: dirwire.Method(strings.Repeat("m", 33))}, {Proof: strings.Repeat("p", 513)}, {Body: make([]byte, dirwire.MaxRequest+1)},
	} {
		if _, _, err := k.Public().Seal(r); !errors.Is(err, dirseal.ErrTooLong) {
			t.Error(err)
		}
	}
	sealed, _ := seal(t, k, dirseal.Request{})
	_, service, err := k.Open(sealed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.Seal(dirseal.Answer{Body: make([]byte, dirwire.MaxAnswer+1)}); !errors.Is(err, dirseal.ErrTooLong) {
		t.Error(err)
	}
}

func TestAKeyIsReadAsItWasWritten(t *testing.T) {
	k := draw(t)
	b, err := k.Bytes()
	if err != nil || len(b) != dirseal.PrivateSize {
		t.Fatal(len(b), err)
	}
	again, err := dirseal.ParsePrivate(b)
	if err != nil {
		t.Fatal(err)
	}
	public, err := dirseal.ParsePublic(k.Public().Bytes())
	if err != nil || public.Print() != k.Public().Print() || again.Public().Print() != public.Print() {
		t.Error(err)
	}
	print, err := dirseal.ParsePrint(public.Print().String())
	if err != nil || print != public.Print() || draw(t).Public().Print() == print {
		t.Error(print, err)
	}
	for _, bad := range []string{"", "x", print.String() + "A", print.String()[1:], strings.Repeat("=", 43)} {
		if _, err := dirseal.ParsePrint(bad); !errors.Is(err, dirseal.ErrPrint) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range [][]byte{nil, make([]byte, 31), make([]byte, 2000)} {
		if _, err := dirseal.ParsePrivate(bad); err == nil {
			t.Errorf("%d bytes are a private key", len(bad))
		}
		if _, err := dirseal.ParsePublic(bad); err == nil {
			t.Errorf("%d bytes are a public key", len(bad))
		}
	}
}

// FuzzOpen opens what anybody may send.
func FuzzOpen(f *testing.F) {
	k := draw(f)
	sealed, answers := seal(f, k, dirseal.Request{Method: "m", Proof: "p", Body: []byte("b")})
	f.Add(sealed)
	f.Add(sealed[:1136])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, _, err := k.Open(b); err != nil && !errors.Is(err, dirseal.ErrKey) && !errors.Is(err, dirwire.ErrMalformed) {
			t.Error(err)
		}
		if _, err := answers.Open(b); !errors.Is(err, dirseal.ErrKey) && !errors.Is(err, dirwire.ErrMalformed) {
			t.Error(err)
		}
	})
}
