package main

import (
	"context"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api/p2pv1"
)

func (f *fakePerson) SetPresence(_ context.Context, r *connect.Request[p2pv1.SetPresenceRequest]) (*connect.Response[p2pv1.SetPresenceResponse], error) {
	f.note(r.Msg)
	return answer(&p2pv1.SetPresenceResponse{Me: &p2pv1.WhoamiResponse{Name: "alice", DisplayName: r.Msg.GetDisplayName()}})
}

func (f *fakePerson) ChangePassword(_ context.Context, r *connect.Request[p2pv1.ChangePasswordRequest]) (*connect.Response[p2pv1.ChangePasswordResponse], error) {
	f.note(r.Msg)
	return answer(&p2pv1.ChangePasswordResponse{})
}

func TestOnesOwnNameIsChangedByCommand(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	_, errs := p2pWith(t, exitDone, []string{"account", "nick", "Ali"}, env)
	oneLineSays(t, errs, "see you as Ali")
	out, _ := p2pWith(t, exitDone, []string{"account", "nick", "Ali", "-j"}, env)
	if o := object(t, out); o["display_name"] != "Ali" {
		t.Errorf("for programs: %s", out)
	}
	p2pWith(t, exitDone, []string{"account", "nick", "--none"}, env)
	if r := f.last().(*p2pv1.SetPresenceRequest); r.DisplayName == nil || *r.DisplayName != "" || r.Presence != nil {
		t.Errorf("asked %v", r)
	}
	for _, args := range [][]string{{"account", "nick"}, {"account", "nick", "Ali", "--none"}} {
		_, errs := p2pWith(t, exitUsage, args, env)
		oneLineSays(t, errs, "--none")
	}
}

func TestThePasswordIsChangedByCommand(t *testing.T) {
	f := newFakePerson()
	env, _ := withPerson(t, f)
	_, errs := p2pWith(t, exitDone, []string{"account", "password", "--password-file", "-"}, env, withInput("sesame\n"))
	oneLineSays(t, errs, "password is another")
	if r := f.last().(*p2pv1.ChangePasswordRequest); r.Password != "sesame" {
		t.Errorf("asked %v", r)
	}
	said := []string{"one", "two"}
	differs := func(sh *shell) {
		sh.secret = func(string) (string, error) { defer func() { said = said[1:] }(); return said[0], nil }
	}
	_, errs = p2pWith(t, exitUsage, []string{"account", "password"}, env, differs)
	if !strings.Contains(errs, "password") {
		t.Errorf("two that differ: %s", errs)
	}
}
