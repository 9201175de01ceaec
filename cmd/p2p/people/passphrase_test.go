package people_test

import (
	"bytes"
	"net/netip"
	"path/filepath"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/people"
)

func TestAPersonWhoIsEncryptedStaysTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "alice")
	p := open(t, dir)
	room := ask(t, p.CreateRoom, &p2pv1.CreateRoomRequest{Name: "lab"}).Conversation.Id
	ask(t, p.Send, &p2pv1.SendRequest{Where: room, Text: "a halibut"})
	me := ask(t, p.Whoami, &p2pv1.WhoamiRequest{})
	p.close()

	var keys [][2][]byte
	change := func(from, to string) {
		t.Helper()
		c := people.Passphrase{From: []byte(from), To: []byte(to), Programs: func(was, is []byte) error {
			keys = append(keys, [2][]byte{was, is})
			return nil
		}}
		if err := c.Change(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		if is, err := people.Encrypted(dir); err != nil || is != (to != "") {
			t.Errorf("with the passphrase %q it is encrypted: %v, %v", to, is, err)
		}
	}
	same := func(passphrase string) (seal []byte) {
		t.Helper()
		n, err := people.Open(t.Context(), people.Options{Dir: dir, Listen: netip.MustParseAddrPort("127.0.0.1:0"), Passphrase: []byte(passphrase), Log: logger()})
		if err != nil {
			t.Fatal(err)
		}
		p := &person{n, t, dir}
		defer p.close()
		again := ask(t, p.Whoami, &p2pv1.WhoamiRequest{})
		said := ask(t, p.ListMessages, &p2pv1.ListMessagesRequest{Where: room}).Messages
		if again.Account != me.Account || again.Device != me.Device || len(said) == 0 || said[len(said)-1].Text != "a halibut" || again.Encrypted != (passphrase != "") {
			t.Errorf("with the passphrase %q it is %v, and reads %v", passphrase, again, said)
		}
		return hello(t, n).Seal
	}
	change("", "one")
	seal := same("one")
	change("one", "two")
	if again := same("two"); len(seal) == 0 || !bytes.Equal(again, seal) || !bytes.Equal(keys[0][1], seal) || !bytes.Equal(keys[1][0], seal) {
		t.Errorf("programs have the key %x and then %x, and were told %x", seal, again, keys)
	}
	change("two", "")
	if len(same("")) > 0 || !bytes.Equal(keys[2][0], seal) || keys[2][1] != nil {
		t.Errorf("programs were told %x", keys[2])
	}
	change("", "three")
	if again := same("three"); bytes.Equal(again, seal) {
		t.Error("a key that has lain open seals again")
	}
}
