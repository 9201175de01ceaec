package people

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// self is who this is: the keys of the device and the account. It lies in the settings of the history, so
// that a passphrase covers it too.
type self struct {
	device      identity.Secret
	account     identity.Secret
	certificate identity.Certificate
	own         room.ID       // the room of the account's devices; zero while it is not known
	name        string        // at the directory; empty without an account there
	directory   string        // URL; empty for none
	loggedOut   bool          // at the directory, until the next login
	revoked     bool          // and no login helps: this device is the account's no more
	port        uint16        // where peers reached this device last
	card        identity.Card // says name to contacts; zero without one
}

// setting is the name under which self is kept.
const selfSetting = "self"

// keptSelf is self as it is kept.
type keptSelf struct {
	Device      []byte `json:"device"`
	Account     []byte `json:"account"`
	Certificate []byte `json:"certificate"`
	Own         string `json:"own,omitempty"`
	Name        string `json:"name,omitempty"`
	Directory   string `json:"directory,omitempty"`
	LoggedOut   bool   `json:"logged_out,omitempty"`
	Revoked     bool   `json:"revoked,omitempty"`
	Port        uint16 `json:"port,omitempty"`
	Card        []byte `json:"card,omitempty"`
}

// loadSelf returns who the profile belongs to, nil when nobody has used it.
func loadSelf(ctx context.Context, a *history.Archive) (*self, error) {
	b, err := a.Setting(ctx, selfSetting)
	if err != nil || b == nil {
		return nil, err
	}
	var k keptSelf
	if err := json.Unmarshal(b, &k); err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	s := &self{name: k.Name, directory: k.Directory, loggedOut: k.LoggedOut, revoked: k.Revoked, port: k.Port}
	if s.device, err = identity.SecretOf(k.Device); err != nil {
		return nil, fmt.Errorf("read key of the device: %w", err)
	}
	if s.account, err = identity.SecretOf(k.Account); err != nil {
		return nil, fmt.Errorf("read key of the account: %w", err)
	}
	if s.certificate, err = identity.ParseCertificate(k.Certificate); err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	if k.Own != "" {
		if s.own, err = parseID(k.Own); err != nil {
			return nil, fmt.Errorf("read own room: %w", err)
		}
	}
	if k.Card != nil {
		if s.card, err = identity.ParseCard(k.Card); err != nil {
			return nil, fmt.Errorf("read card: %w", err)
		}
	}
	s.introduce(time.Now())
	return s, nil
}

// save keeps s. It is on the disk when save returns.
func (s *self) save(a *history.Archive) error {
	s.introduce(time.Now())
	k := keptSelf{
		Device: s.device.Seed(), Account: s.account.Seed(), Certificate: s.certificate.AppendTo(nil),
		Name: s.name, Directory: s.directory, LoggedOut: s.loggedOut, Revoked: s.revoked, Port: s.port,
	}
	if !s.own.IsZero() {
		k.Own = hex.EncodeToString(s.own[:])
	}
	if !s.card.IsZero() {
		k.Card = s.card.AppendTo(nil)
	}
	b, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("keep keys: %w", err)
	}
	return a.SaveSetting(selfSetting, b)
}

// introduce makes the card that says the name, if that is another than before: later than the last, whatever the clock
// says, since the later one counts. A name that no card can have goes without.
func (s *self) introduce(now time.Time) {
	if s.name == "" || s.name == s.card.Name {
		return
	}
	if next := s.card.Issued.Add(time.Millisecond); now.Before(next) {
		now = next
	}
	if card, err := identity.Introduce(s.account, s.name, now); err == nil {
		s.card = card
	}
}

// randomness is where keys come from.
var randomness = rand.Reader

// newSelf makes a key the device of an account.
func newSelf(account, device identity.Secret, label string, now time.Time) (*self, error) {
	s := &self{account: account, device: device}
	var err error
	if label == "" {
		label, _ = os.Hostname() // a device without a name is none the worse
	}
	s.certificate, err = identity.Certify(s.account, s.device.Key(), cut(label, identity.MaxLabel), now, false)
	return s, err
}

// account and device keys, for those who only compare them.
func (s *self) accountKey() identity.Key { return s.account.Key() }
func (s *self) deviceKey() identity.Key  { return s.device.Key() }
