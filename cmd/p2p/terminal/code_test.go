package terminal

import (
	"strings"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
)

// A code that is cut off or scrolled is none: it is shown in the whole window, or not at all.
func TestAQRCodeIsShownWholeOrSaysWhatWindowItNeeds(t *testing.T) {
	row := strings.Repeat("▀", 44) + "█"
	qr := strings.Repeat(row+"\n", 23)
	st := usual(t)
	st.in(answer{request: request{ask: &p2pv1.InviteRequest{}}, got: &p2pv1.InviteResponse{Link: "p2p:a", Qr: qr}})
	if st.shows("Enter: the QR code"); strings.Contains(st.text(), row) {
		t.Error("it is shown in part")
	}
	st.keys("enter")
	if n := strings.Count(st.text(), row); n != 23 {
		t.Errorf("%d of its lines are seen:\n%s", n, st.text())
	}
	if f := st.s.draw(newTheme(Light)); !strings.Contains(f.content, "38;5;231") || !strings.Contains(f.content, "48;5;16") || f.cursor {
		t.Error("on a light terminal it is not white on black, or a cursor stands in it")
	}
	st.in(resized{44, 24}).shows("the QR code needs a window of 45", "23 lines")
	st.in(resized{80, 22}).shows("the QR code needs a window of 45 columns and 23 lines")
	st.in(resized{80, 24}).keys("x").shows("Enter: the QR code", "> message, or /help")
	st.keys("esc").shows("done, it verifies")
}

func TestTheLinkOfAnInvitationStandsAloneSoThatItCanBeSelected(t *testing.T) {
	link := "p2p:" + strings.Repeat("0123456789-/?", 20)
	st := usual(t)
	st.in(answer{request: request{ask: &p2pv1.InviteRequest{}}, got: &p2pv1.InviteResponse{Link: link, Qr: "▀\n"}}).keys("enter", "enter")
	lines := st.s.wholeLines()
	if whole := st.text(); len(lines) != 4 || lines[0].width(st.s.m) != 80 || strings.ReplaceAll(strings.TrimRight(whole, " \n"), "\n", "") != link {
		t.Errorf("in %d lines the window has\n%s", len(lines), whole)
	}
	st.keys("enter").shows("Enter: the QR code").keys("esc").shows("done, it verifies")
}
