package presence

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/torrentfile/benc"
)

// Bounds of a State.
const (
	MaxName         = 64  // bytes
	MaxText         = 200 // bytes
	MaxCertificates = 16
	MaxNear         = 64
)

// Short is as much of an account's key as tells the members of a room apart.
type Short [8]byte

// ShortOf returns the Short of an account.
func ShortOf(account identity.Key) Short { return Short(account[:len(Short{})]) }

// State is what a device says of itself and its account.
type State struct {
	// Name is how the person calls himself, at most MaxName bytes: a label that proves nothing.
	Name string
	Away bool
	// Text is what he says of it, such as when he is back, at most MaxText bytes; empty for nothing, or for nothing that
	// these peers are to hear.
	Text string
	// Certificates are those of the account, at most MaxCertificates: the newest about each device, that of
	// the device itself first.
	Certificates []identity.Certificate
	// Card is how a directory knows the account; zero for none, or for nothing that these peers are to hear.
	Card identity.Card
	// Near are those with whom the device is connected in this room, at most MaxNear, in order: what is said reaches them through it.
	Near []Short
}

// The kinds of messages.
const (
	kindState = iota
	kindPing
	kindPong
	kindPass
)

// nonceSize is the length of what stands in a ping, in bytes.
const nonceSize = 8

// pass proves to the device to that the device from knows secret. It is good for this pair in this direction alone, so
// that nobody shows another's; and it says nothing to who does not know secret.
func pass(secret []byte, from, to identity.Key) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("p2p presence pass 1\x00"))
	mac.Write(from[:])
	mac.Write(to[:])
	return mac.Sum(nil)
}

// errState is a state that breaks a rule.
var errState = errors.New("a state that is none")

// stateLimits bounds the dictionary of a state: 16 certificates and a card are 3.7 KiB.
var stateLimits = benc.Limits{Size: 4<<10 + MaxText + MaxNear*len(Short{}), Depth: 4, Tokens: 64}

// state is a State on the wire.
type state struct {
	Away         int      `bencode:"a,omitempty"`
	Certificates []string `bencode:"c"`
	Card         string   `bencode:"d,omitempty"`
	Near         string   `bencode:"k,omitempty"`
	Name         string   `bencode:"n,omitempty"`
	Text         string   `bencode:"t,omitempty"`
}

// appendState appends the message that tells s, made to keep the bounds.
func appendState(dst []byte, s State) []byte {
	m := state{Name: ext.Line(s.Name, MaxName), Text: ext.Line(s.Text, MaxText)}
	if s.Away {
		m.Away = 1
	}
	certs := newest(s.Certificates)
	for _, c := range certs[:min(len(certs), MaxCertificates)] {
		m.Certificates = append(m.Certificates, string(c.AppendTo(nil)))
	}
	if !s.Card.IsZero() {
		m.Card = string(s.Card.AppendTo(nil))
	}
	for _, k := range s.Near[:min(len(s.Near), MaxNear)] {
		m.Near += string(k[:])
	}
	b, err := benc.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("presence: marshal state: %v", err)) // only strings and numbers
	}
	return append(append(dst, kindState), b...)
}

// parseState reads what follows the kind of a state, and verifies the certificates.
func parseState(b []byte) (State, error) {
	var m state
	if err := benc.Unmarshal(b, &m, stateLimits); err != nil {
		return State{}, fmt.Errorf("%w: %w", errState, err)
	}
	switch {
	case ext.Line(m.Name, MaxName) != m.Name:
		return State{}, fmt.Errorf("%w: its name is too long, or no line of text", errState)
	case ext.Line(m.Text, MaxText) != m.Text:
		return State{}, fmt.Errorf("%w: what it says is too long, or no line of text", errState)
	case len(m.Certificates) > MaxCertificates:
		return State{}, fmt.Errorf("%w: it has %d certificates", errState, len(m.Certificates))
	}
	s := State{Name: m.Name, Away: m.Away != 0, Text: m.Text}
	if len(m.Near) > MaxNear*len(Short{}) {
		return State{}, fmt.Errorf("%w: it is connected with too many", errState)
	}
	for near := range slices.Chunk([]byte(m.Near), len(Short{})) {
		if len(near) < len(Short{}) {
			return State{}, fmt.Errorf("%w: those with whom it is connected are cut off", errState)
		}
		s.Near = append(s.Near, Short(near))
	}
	for _, text := range m.Certificates {
		c, err := identity.ParseCertificate([]byte(text))
		if err != nil {
			return State{}, fmt.Errorf("%w: %w", errState, err)
		}
		s.Certificates = append(s.Certificates, c)
	}
	s.Certificates = newest(s.Certificates)
	if m.Card != "" {
		var err error
		if s.Card, err = identity.ParseCard([]byte(m.Card)); err != nil {
			return State{}, fmt.Errorf("%w: %w", errState, err)
		}
	}
	return s, nil
}

// accountOf returns the account that s proves a device to be of: it names the device, it is not
// revoked, and all the certificates, and the card, are of that account.
func accountOf(s State, device identity.Key) (account identity.Key, err error) {
	for _, c := range s.Certificates {
		if c.Device == device && !c.Revoked {
			account = c.Account
		}
	}
	if account.IsZero() {
		return account, fmt.Errorf("%w: no certificate for the device that is connected", errState)
	}
	for _, c := range s.Certificates {
		if c.Account != account {
			return identity.Key{}, fmt.Errorf("%w: certificates of two accounts", errState)
		}
	}
	if !s.Card.IsZero() && s.Card.Account != account {
		return identity.Key{}, fmt.Errorf("%w: the card of another account", errState)
	}
	return account, nil
}

// newest returns the latest certificate about each device, in the order in which the devices are first named. Of two of
// the same time the one that revokes counts: who has to choose trusts less.
func newest(certs []identity.Certificate) []identity.Certificate {
	type subject struct{ account, device identity.Key }
	at := make(map[subject]int, len(certs))
	var kept []identity.Certificate
	for _, c := range certs {
		about := subject{c.Account, c.Device}
		i, known := at[about]
		switch {
		case !known:
			at[about] = len(kept)
			kept = append(kept, c)
		case later(c, kept[i]):
			kept[i] = c
		}
	}
	return kept
}

func later(a, b identity.Certificate) bool {
	if a.Issued.Equal(b.Issued) {
		return a.Revoked && !b.Revoked
	}
	return a.Issued.After(b.Issued)
}

// shortest returns the shortest time of the newest answers: what else a round trip contains is
// waiting, on our side or the other's.
func shortest(times []time.Duration) time.Duration {
	best := time.Duration(0)
	for _, d := range times {
		if d > 0 && (best == 0 || d < best) {
			best = d
		}
	}
	return best
}
