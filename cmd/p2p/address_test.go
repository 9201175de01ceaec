package main

import (
	"net/netip"
	"testing"

	"p2p/cmd/p2p/text"
)

func TestListenTakesAnAddressAPortOrBoth(t *testing.T) {
	a := &app{text: text.English()}
	for in, want := range map[string]string{
		":6969": ":6969", "6969": ":6969", ":0": ":0", "127.0.0.1:0": "127.0.0.1:0", "localhost:80": "127.0.0.1:80",
		"[::1]:81": "[::1]:81", "[fe80::1%eth0]:1": "[fe80::1%eth0]:1", "0.0.0.0:5": "0.0.0.0:5", "1.2.3.4": "1.2.3.4:0",
	} {
		got, err := a.parseListen(in)
		if err != nil || hostPort(got) != want {
			t.Errorf("parseListen(%q) = %v, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "x", "host:1", "1.2.3.4:65536", "::1:80", ":-1", "1.2.3.4:"} {
		if got, err := a.parseListen(in); err == nil {
			t.Errorf("parseListen(%q) = %v", in, got)
		}
	}
}

func TestASpecificAddressIsTheOneToGiveToOthers(t *testing.T) {
	for _, s := range []string{"127.0.0.1", "10.1.2.3", "2001:db8::7"} {
		if got := reachable(netip.MustParseAddr(s)); got.String() != s {
			t.Errorf("reachable(%s) = %v", s, got)
		}
	}
	for _, any := range []netip.Addr{{}, netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		if got := reachable(any); !got.IsValid() || got.IsUnspecified() {
			t.Errorf("reachable(%v) = %v", any, got)
		}
	}
}
