package api_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

func TestAProgramAsksTheNodeThroughItsSocket(t *testing.T) {
	dir := filepath.Join(profile(t), "new", "profile")
	serve(t, api.Options{Profile: dir}, newFake())
	c := dial(t, dir)
	if c.Node.Name != "alice" || c.Node.Version != "1.2.3" {
		t.Errorf("the node is %v", c.Node)
	}
	if runtime.GOOS == "windows" {
		return // no modes
	}
	for path, want := range map[string]fs.FileMode{dir: 0o700, api.SocketPath(dir): 0o600, filepath.Join(dir, "node.lock"): 0o600} {
		if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v; want %v (%v)", path, info.Mode(), want, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "node.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nobody asked for the loopback network: %v", err)
	}
}

func TestWhereThereAreNoSocketsTheLoopbackNetworkLeadsToTheNode(t *testing.T) {
	dir := filepath.Join(profile(t), strings.Repeat("a-long-path/", 20))
	s, stop := serve(t, api.Options{Profile: dir}, newFake())
	if !strings.HasPrefix(s.URL(), "http://127.0.0.1:") {
		t.Errorf("it answers at %q", s.URL())
	}
	if c := dial(t, dir); c.Node.Name != "alice" {
		t.Errorf("the node is %v", c.Node)
	}
	if info, err := os.Lstat(filepath.Join(dir, "node.json")); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("the token has mode %v (%v)", info.Mode(), err)
	}
	stop()
	if _, err := api.Dial(t.Context(), dir); !errors.Is(err, api.ErrNoNode) {
		t.Errorf("after the end: %v", err)
	}
}

func TestTheTokenIsNotToldToWhoeverHasTheAddressOfADeadNode(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := profile(t)
	left := `{"url":"http://` + l.Addr().String() + `","token":"secret"}`
	if err := os.WriteFile(filepath.Join(dir, "node.json"), []byte(left), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Dial(t.Context(), dir); !errors.Is(err, api.ErrNoNode) {
		t.Errorf("dial: %v", err)
	}
	serve(t, api.Options{Profile: dir}, newFake())
	if _, err := os.Lstat(filepath.Join(dir, "node.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the next node leaves the file: %v", err)
	}
}

func TestThereIsOneNodePerProfile(t *testing.T) {
	dir := profile(t)
	_, stop := serve(t, api.Options{Profile: dir}, newFake())
	if _, err := api.Listen(api.Options{Profile: dir}); !errors.Is(err, api.ErrRunning) {
		t.Errorf("a second one: %v", err)
	}
	stop()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "node.lock" {
		t.Errorf("it leaves %v (%v)", left, err)
	}
	serve(t, api.Options{Profile: dir}, newFake())
	dial(t, dir)
}

func TestASocketThatAKilledNodeLeftIsReplaced(t *testing.T) {
	dir := profile(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: api.SocketPath(dir), Net: "unix"})
	if err != nil {
		t.Skip(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := api.Dial(t.Context(), dir); !errors.Is(err, api.ErrNoNode) {
		t.Errorf("nobody answers: %v", err)
	}
	serve(t, api.Options{Profile: dir}, newFake())
	dial(t, dir)
}

func TestTheNodeIsForThisMachineAlone(t *testing.T) {
	for _, address := range []string{"192.0.2.1:0", "0.0.0.0:0", "[::]:0"} {
		dir := profile(t)
		if _, err := api.Listen(api.Options{Profile: dir, Address: netip.MustParseAddrPort(address)}); !errors.Is(err, api.ErrNotLoopback) {
			t.Errorf("%s: %v", address, err)
		}
		serve(t, api.Options{Profile: dir}, newFake()) // the lock is free again
	}
}

func TestAPanicIsTheErrorOfOneCall(t *testing.T) {
	dir := profile(t)
	serve(t, api.Options{Profile: dir}, newFake())
	c := dial(t, dir)
	_, err := c.Search(t.Context(), connect.NewRequest(&p2pv1.SearchRequest{}))
	if reason := api.ReasonOf(err); connect.CodeOf(err) != connect.CodeInternal || reason.GetKey() != api.Bug {
		t.Errorf("%v, reason %v", err, reason)
	}
	if _, err := c.Whoami(t.Context(), connect.NewRequest(&p2pv1.WhoamiRequest{})); err != nil {
		t.Errorf("and then: %v", err)
	}
}

func TestAMessageThatIsTooLongIsRefused(t *testing.T) {
	dir := profile(t)
	serve(t, api.Options{Profile: dir}, newFake())
	_, err := dial(t, dir).Search(t.Context(), connect.NewRequest(&p2pv1.SearchRequest{Query: strings.Repeat("x", 1<<20)}))
	if connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Error(err)
	}
}

func TestErrorsCarryTheirReason(t *testing.T) {
	dir := profile(t)
	serve(t, api.Options{Profile: dir}, newFake())
	_, err := dial(t, dir).AddContact(t.Context(), connect.NewRequest(&p2pv1.AddContactRequest{Who: "b\xc3\xb6b"}))
	if reason := api.ReasonOf(err); connect.CodeOf(err) != connect.CodeNotFound || reason.GetKey() != api.NoSuchPerson || reason.With["who"] != "böb" {
		t.Errorf("%v, reason %v", err, reason)
	}
	if said := api.Explain(text.English(), err); !strings.Contains(said, "no böb") {
		t.Errorf("for people: %s", said)
	}
	if api.ReasonOf(errors.New("x")) != nil || api.ReasonOf(nil) != nil {
		t.Error("an error of something else has a reason")
	}
}

func TestEveryReasonIsExplainedInBothLanguages(t *testing.T) {
	for _, key := range api.Reasons() {
		for _, c := range []*text.Catalogue{text.English(), text.Chinese()} {
			said := api.Explain(c, api.Fail(connect.CodeNotFound, key))
			if said == "" || strings.Contains(said, "reason.") || strings.Contains(said, "%!") {
				t.Errorf("%s in %s: %q", key, c.Lang(), said)
			}
		}
	}
}

func TestTheProblemBehindAReasonAndTheRuleThatANameBreaksAreSaidInWords(t *testing.T) {
	for _, c := range []struct{ want, chinese, key, with, is string }{
		{"http://d cannot be reached: nothing answers at this address", "该地址没有应答", api.Unreachable, "problem", api.Rejected},
		{"a b cannot be a name: a name is made of letters", "只能由字母", api.BadName, "rule", api.RuleOf(dirwire.NameCharacters)},
		{"a b cannot be a name: a name has 2 to 32 characters", "2 到 32", api.BadName, "rule", api.RuleOf(dirwire.NameLength)},
		{"this link is not right: a part of it is missing", "缺了一部分", api.BadLink, "problem", api.FaultOf(identity.LinkDamaged)},
		{"not right: of_another_version", "of_another_version", api.BadLink, "problem", "of_another_version"},
		{"not right: bad_link", "bad_link", api.BadLink, "problem", api.BadLink},
	} {
		err := api.Fail(connect.CodeInvalidArgument, c.key, "url", "http://d", "name", "a b", "min", "2", "max", "32", c.with, c.is)
		if said := api.Explain(text.English(), err); !strings.Contains(said, c.want) {
			t.Errorf("%s: %q", c.is, said)
		}
		if said := api.Explain(text.Chinese(), err); !strings.Contains(said, c.chinese) {
			t.Errorf("%s: %q", c.is, said)
		}
	}
	if said := api.ExplainProblem(text.English(), nil); said != "" {
		t.Errorf("of no problem it is said %q", said)
	}
}

func TestAReasonMayQuoteAnything(t *testing.T) {
	reason := api.ReasonOf(api.Fail(connect.CodeNotFound, api.NoSuchPath, "path", "a\xff"))
	if reason.GetWith()["path"] != "a\uFFFD" {
		t.Errorf("reason %v", reason)
	}
}

func TestStreamsEndWhenTheNodeStopsAndCallsFinish(t *testing.T) {
	dir, node := profile(t), newFake()
	node.calls = make(chan struct{})
	_, stop := serve(t, api.Options{Profile: dir, Address: loopback}, node)
	c := dial(t, dir)
	stream, err := c.Events(t.Context(), connect.NewRequest(&p2pv1.EventsRequest{}))
	if err != nil || !stream.Receive() || stream.Msg().GetHello().GetCursor() != 7 {
		t.Fatalf("the stream begins with %v (%v, %v)", stream.Msg(), err, stream.Err())
	}
	<-node.streams
	call := make(chan error)
	go func() {
		_, err := c.SetPresence(context.Background(), connect.NewRequest(&p2pv1.SetPresenceRequest{}))
		call <- err
	}()
	<-node.streams // the call is there
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	if stream.Receive() || connect.CodeOf(stream.Err()) != connect.CodeUnavailable || api.ReasonOf(stream.Err()).GetKey() != api.Stopping {
		t.Errorf("the stream ends with %v", stream.Err())
	}
	node.calls <- struct{}{}
	if err := <-call; err != nil {
		t.Errorf("the call ends with %v", err)
	}
	<-stopped
}

func TestANodeLingersUntilNobodyHasCalledForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var u api.Use
		begin := time.Now()
		asked := 0
		busy := func() bool { asked++; return asked < 3 }
		go func() {
			time.Sleep(5 * time.Minute)
			done := u.Begin()
			time.Sleep(7 * time.Hour) // somebody looks at the terminal
			done()
		}()
		if !u.Linger(t.Context(), 30*time.Minute, busy) {
			t.Error("it was told to stop")
		}
		// Nobody for half an hour after the call, and busy twice.
		if took, want := time.Since(begin), 7*time.Hour+(5+90)*time.Minute; took < want || took > want+time.Hour {
			t.Errorf("it lingered for %v; want %v", took, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if u.Linger(ctx, time.Hour, busy) {
			t.Error("it does not mind that it is told to stop")
		}
	})
}
