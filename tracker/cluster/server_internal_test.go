package cluster

import (
	"errors"
	"net"
	"testing"

	"go.uber.org/zap"
)

// Between the moment in which a port is free and the server's, another program may take it.
func TestANodeThatMayHaveAnyPortTakesAnotherOneWhenItsIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	asked := 0
	choose := func(host string) (int, error) {
		if asked++; asked == 1 {
			return taken.Addr().(*net.TCPAddr).Port, nil
		}
		return freePort(host)
	}
	o := Options{Name: "test", Listen: "127.0.0.1:0", Dir: t.TempDir(), Log: zap.NewNop()}
	s, _, err := startServerAt(o, 1, choose)
	if err != nil {
		t.Fatal(err)
	}
	s.Shutdown()
	s.WaitForShutdown()
	if asked < 2 {
		t.Errorf("%d ports were tried", asked)
	}
	o.Listen, asked = taken.Addr().String(), 0
	if _, _, err := startServerAt(o, 1, choose); !errors.Is(err, errPortTaken) || asked > 0 {
		t.Errorf("where one port was asked for: %v, and %d others were tried", err, asked)
	}
}
