package main

import (
	"context"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/identity"
)

func (f *fakePerson) RevokeLinks(context.Context, *connect.Request[p2pv1.RevokeLinksRequest]) (*connect.Response[p2pv1.RevokeLinksResponse], error) {
	return answer(&p2pv1.RevokeLinksResponse{Revoked: 3})
}

func TestALinkIsGoodForAMinuteToAYear(t *testing.T) {
	env, _ := withPerson(t, newFakePerson())
	for _, args := range [][]string{{"contact", "invite"}, {"room", "link", "lab"}} {
		for _, valid := range []string{"0s", "59s", "367d", "9999d"} {
			_, errs := p2pWith(t, exitUsage, append(args, "--for", valid), env)
			oneLineSays(t, errs, "1 minute to 366 days")
		}
	}
}

func TestLinksToAPersonAreRevokedByCommand(t *testing.T) {
	env, _ := withPerson(t, newFakePerson())
	_, errs := p2pWith(t, exitDone, []string{"contact", "invite", "--revoke"}, env)
	oneLineSays(t, errs, "void", "3")
	out, _ := p2pWith(t, exitDone, []string{"contact", "invite", "--revoke", "-j"}, env)
	if o := object(t, out); o["message_type"] != "links_revoked" || o["revoked"] != 3.0 {
		t.Errorf("for programs: %s", out)
	}
	_, errs = p2pWith(t, exitUsage, []string{"contact", "invite", "--revoke", "--for", "1d"}, env)
	oneLineSays(t, errs, "--revoke")
}

func TestRoomsAreListedWithTheStartsOfTheirIds(t *testing.T) {
	f := newFakePerson()
	f.rooms = []*p2pv1.Conversation{
		{Id: "fedcba9876543210", Name: "bench", Left: true, Reason: api.Problem(api.RoomFull, "limit", "2")},
		{Id: "0123456789abcdef", Name: "lab", Limit: 50, Members: []*p2pv1.Member{{}, {}}},
	}
	env, _ := withPerson(t, f)
	out, errs := p2pWith(t, exitDone, []string{"room", "list"}, env)
	if strings.Contains(out, "bench") || !strings.Contains(errs, "1 more") || !strings.Contains(errs, "room list --all") {
		t.Errorf("a room where one is no member is not apart:\n%s%s", out, errs)
	}
	out, _ = p2pWith(t, exitDone, []string{"room", "list", "--all"}, env)
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[2], "bench") {
		t.Errorf("it does not stand last:\n%s", out)
	}
	for _, want := range []string{"2/50", "01234567", "fedcba98"} {
		if !strings.Contains(out, want) {
			t.Errorf("it lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "0123456789") || strings.Contains(out, "0/0") {
		t.Errorf("it says too much:\n%s", out)
	}
}

func TestHowMuchHistoryARoomGivesIsSaidInWords(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	for said, want := range map[string]int32{"all": 0, "none": -1, "7": 7} {
		p2pWith(t, exitDone, []string{"room", "set", "lab", "--history", said}, env)
		if r := f.last().(*p2pv1.ChangeRoomRequest); r.History == nil || *r.History != want {
			t.Errorf("%s asks %v", said, r)
		}
	}
	for _, wrong := range []string{"-7", "0", "-1", "abc", "5000000000"} {
		_, errs := p2pWith(t, exitUsage, []string{"room", "set", "lab", "--history", wrong}, env)
		oneLineSays(t, errs, "--history takes all, none, or a number from 1 on", `not "`+wrong+`"`)
	}
}

func TestAWrongFlagIsExplainedInTheLanguageOfWhoReadsIt(t *testing.T) {
	for _, test := range []struct{ lang, flag, want string }{
		{"en", "--limit=abc", `--limit takes a whole number, not "abc"`}, {"zh", "--limit=abc", "--limit 的值应为整数"},
		{"en", "--limit", "--limit takes a value"}, {"zh", "--nonsense", "没有选项 --nonsense"}, {"en", "-Z", "no flag -Z"},
	} {
		_, errs := p2pWith(t, exitUsage, []string{"room", "create", "lab", test.flag}, withEnv("P2P_LANG", test.lang))
		oneLineSays(t, errs, test.want)
		if strings.Contains(errs, "strconv") || strings.Contains(errs, "flag:") {
			t.Errorf("it says %s", errs)
		}
	}
}

func TestTheCodeOfALinkIsDrawnIntoANewFile(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	path := filepath.Join(t.TempDir(), "code.png")
	_, errs := p2pWith(t, exitDone, []string{"contact", "invite", "--qr-png", path}, env)
	file, err := os.Open(path)
	if err != nil {
		t.Fatalf("%v: %s", err, errs)
	}
	defer file.Close()
	if c, err := png.DecodeConfig(file); err != nil || c.Width < 100 || c.Width != c.Height || !strings.Contains(errs, "code.png") {
		t.Errorf("it is %+v, %v: %s", c, err, errs)
	}
	before := f.last()
	_, errs = p2pWith(t, exitExists, []string{"contact", "invite", "--qr-png", path}, env)
	if oneLineSays(t, errs, "code.png", "exists"); f.last() != before {
		t.Errorf("a link is made that nobody sees: %v", f.last())
	}
}

func TestAContactGetsAnotherName(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	for _, args := range [][]string{{"bob", "Robert"}, {"bob", "--none"}} {
		p2pWith(t, exitDone, append([]string{"contact", "rename"}, args...), env)
		want := args[1]
		if want == "--none" {
			want = ""
		}
		if q := f.last().(*p2pv1.RenameContactRequest); q.Who != "bob" || q.Name != want {
			t.Errorf("%v asks %v", args, q)
		}
	}
	for _, args := range [][]string{{"bob"}, {"bob", "Robert", "--none"}} {
		_, errs := p2pWith(t, exitUsage, append([]string{"contact", "rename"}, args...), env)
		oneLineSays(t, errs, "--none")
	}
}

func (f *fakePerson) RenameContact(_ context.Context, r *connect.Request[p2pv1.RenameContactRequest]) (*connect.Response[p2pv1.RenameContactResponse], error) {
	f.note(r.Msg)
	return answer(&p2pv1.RenameContactResponse{Contact: &p2pv1.Contact{Name: r.Msg.Name}})
}

func (f *fakePerson) Invite(_ context.Context, r *connect.Request[p2pv1.InviteRequest]) (*connect.Response[p2pv1.InviteResponse], error) {
	f.note(r.Msg)
	return answer(&p2pv1.InviteResponse{Link: identity.Link{Account: identity.Key{1}, Name: "alice"}.String()})
}
