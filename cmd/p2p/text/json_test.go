package text_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"p2p/cmd/p2p/text"
)

func TestJSONHoldsNothingThatATerminalObeysAndMeansTheSame(t *testing.T) {
	said := "a\u009b31m \u202e \u2066 \x7f \U000e0001 \x1b \u4f60\u597d \U0001f44d"
	var out bytes.Buffer
	whole, err := json.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	w := text.JSONWriter(&out)
	for i := range whole { // as a stream may be cut
		if _, err := w.Write(whole[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if want := `"a\u009b31m \u202e \u2066 \u007f \udb40\udc01 \u001b 你好 👍"`; out.String() != want {
		t.Errorf("written %q, want %q", out.String(), want)
	}
	var got string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got != said {
		t.Errorf("read back %q, %v", got, err)
	}
}
