package main

import (
	"context"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api/p2pv1"
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
