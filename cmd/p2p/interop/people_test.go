//go:build interop && linux

package interop

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"p2p/cmd/p2p/drive"
	"p2p/torrentfile/infohash"
)

var (
	grpcScript, _  = filepath.Abs("../../../testdata/interop/grpc_client.mjs")
	peopleProto, _ = filepath.Abs("../api/p2pv1/people.proto")
)

// person is a node whose programs are written in another language.
type person struct {
	t      *testing.T
	name   string
	socket string
}

// newPerson starts a node for somebody who is found through the tracker at announce.
func newPerson(t *testing.T, name, announce string) *person {
	t.Helper()
	profile, err := os.MkdirTemp("", "p2p") // the path of a socket has a hundred bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(profile) })
	node := drive.Start(t, drive.Command{Name: name, Path: binary, Args: []string{
		"serve", "--profile", profile, "--tracker", announce, "--listen", netip.AddrPortFrom(newAddr(), 0).String(), "-v"}})
	p := &person{t: t, name: name, socket: filepath.Join(profile, "node.sock")}
	node.Await(p.socket, patience)
	return p
}

// client starts gRPC for node with a command.
func (p *person) client(args ...string) *drive.Process {
	p.t.Helper()
	return drive.Start(p.t, drive.Command{Name: p.name + "'s grpc-js", Path: "node", Args: append(
		[]string{grpcScript, os.Getenv(modulesEnv), peopleProto, p.socket}, args...)})
}

// call returns the answer to a call, which must succeed.
func (p *person) call(method, request string) map[string]any {
	p.t.Helper()
	c := p.client("call", method, request)
	c.WantExit(0, patience)
	var answer map[string]any
	if err := json.Unmarshal([]byte(c.Out()), &answer); err != nil {
		p.t.Fatalf("%s: %v in %q", method, err, c.Out())
	}
	return answer
}

// quoted returns s as JSON.
func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always can be
	return string(b)
}

func TestAProgramInAnotherLanguageSendsAndReceives(t *testing.T) {
	needModules(t)
	at := newAddr()
	trackerKinds[0].start(t, at, infohash.T{})
	announce := trackerKinds[0].announceURL(at)
	alice, bob := newPerson(t, "alice", announce), newPerson(t, "bob", announce)

	link, _ := alice.call("Invite", `{"valid_millis": 600000}`)["link"].(string)
	bob.call("AddContact", `{"name": "alice", "who": `+quoted(link)+`}`)
	drive.Eventually(t, patience, "the two are no contacts", func() bool {
		contacts, _ := bob.call("ListContacts", "{}")["contacts"].([]any)
		return len(contacts) == 1 && contacts[0].(map[string]any)["state"] == "CONTACT_STATE_FRIEND"
	})
	unknown := alice.client("call", "Send", `{"where": "nobody", "text": "x"}`)
	unknown.WantExit(1, patience)
	if !strings.Contains(unknown.Out(), "NOT_FOUND") {
		t.Errorf("to nobody: %s", unknown.Out())
	}
	bobs := bob.call("Whoami", "{}")["account"].(string)

	hears := alice.client("listen")
	hears.Await(`"hello"`, patience)
	const said = "grüße aus JavaScript 你好"
	sent := bob.call("Send", `{"where": "alice", "text": `+quoted(said)+`}`)["message"].(map[string]any)
	hears.Await(said, patience)
	answer := alice.call("Send", `{"where": `+quoted(bobs)+`, "text": "and back", "reply_to": `+quoted(sent["id"].(string))+`}`)
	if text := answer["message"].(map[string]any)["reply_text"]; text != said {
		t.Errorf("the answer quotes %q", text)
	}
	drive.Eventually(t, patience, "the answer does not arrive", func() bool {
		messages, _ := bob.call("ListMessages", `{"where": "alice"}`)["messages"].([]any)
		last, _ := append([]any{nil}, messages...)[len(messages)].(map[string]any)
		return last["text"] == "and back"
	})
}
