package main

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"go.uber.org/zap"

	"p2p/cmd/p2p/control"
	"p2p/cmd/p2p/systemd"
	"p2p/tracker/cluster"
	"p2p/tracker/directory"
	"p2p/tracker/httpfront"
	"p2p/tracker/memory"
	"p2p/tracker/serve"
	"p2p/tracker/udpfront"
)

// trackerService is a whole tracker that runs: sockets, rules, hard state and
// control.
type trackerService struct {
	*localTracker
	app       *app
	config    *trackerConfig
	snapshots *snapshots // nil before there is something to save
	node      *cluster.Node
	people    *directory.Directory // nil for none
	tls       []netip.AddrPort
	admin     net.Addr // nil for none
	release   func()   // of the memory limit

	cancel  context.CancelFunc // of rules and control
	beside  sync.WaitGroup     // them
	stopped bool
}

// startService starts the tracker of c.
func (a *app) startService(c *trackerConfig) (*trackerService, error) {
	t := &trackerService{app: a, config: c}
	if err := t.start(); err != nil {
		return nil, errors.Join(err, t.stop())
	}
	return t, nil
}

func (t *trackerService) start() error {
	c := t.config
	t.release = c.limitMemory()
	sockets, err := t.sockets()
	if err != nil {
		return err
	}
	// What clients send while the peers are restored waits in the sockets.
	saving, err := t.openRegistry()
	if err != nil {
		return errors.Join(err, sockets.Close())
	}
	o, err := t.serveOptions(saving)
	if err != nil {
		return errors.Join(err, sockets.Close())
	}
	server, err := serve.New(sockets, o)
	if err != nil {
		return err
	}
	t.snapshots = saving
	host := netip.Addr{}
	if len(c.listen) > 0 {
		host = c.listen[0].Addr()
	}
	t.localTracker = runTracker(server, reachable(host))
	ctx, cancel := context.WithCancel(context.Background())
	t.cancel = cancel
	t.beside.Go(func() { c.rules.run(ctx) })
	t.beside.Go(func() { saving.run(ctx) })
	t.beside.Go(func() { t.runPeople(ctx) })
	if err := t.openControl(ctx); err != nil {
		return err
	}
	t.notify(systemd.Ready)
	return nil
}

// openRegistry makes the registry, with the peers that the one before has kept,
// and joins it with those of the other nodes.
func (t *trackerService) openRegistry() (*snapshots, error) {
	c := t.config
	c.cluster.Local = memory.New(c.memory)
	if c.data != "" {
		if err := os.MkdirAll(c.data, 0o700); err != nil {
			return nil, err
		}
	}
	s := &snapshots{path: c.snapshot, every: c.snapshotEvery, ttl: c.options.PeerTTL, store: c.cluster.Local, log: t.app.log}
	if err := s.open(); err != nil {
		return nil, err
	}
	var err error
	if t.node, err = cluster.Start(c.cluster); err != nil {
		return nil, err
	}
	if kept := t.node.Ledger(); kept != nil {
		c.kept.Ledger = kept
	}
	return s, nil
}

// serveOptions are those of the part that has the sockets.
func (t *trackerService) serveOptions(saving *snapshots) (serve.Options, error) {
	c := t.config
	key, err := c.connectionKey()
	o := serve.Options{
		Tracker: c.options, Store: t.node.Store(), Proxies: c.proxies, MaxConns: c.conns(), UDPKey: key, Ready: t.ready,
		Version: version, Figures: saving.figures(), Log: t.app.log,
	}
	if c.clustered() {
		o.Nodes = func() []httpfront.Node { return otherNodes(t.node) }
		o.Figures = append(o.Figures, clusterFigures(t.node)...)
	}
	err = errors.Join(err, t.openPeople(&o))
	return o, err
}

// ready returns nil when the registry and the rules are complete, else why not.
func (t *trackerService) ready() error {
	if err := t.node.Ready(); err != nil {
		return err
	}
	return t.config.rules.ready()
}

// sockets returns those that the service manager hands over, or binds some, and
// adds those that speak TLS and those for the operator.
func (t *trackerService) sockets() (serve.Sockets, error) {
	sockets, err := t.plainSockets()
	if err != nil {
		return sockets, err
	}
	for _, addr := range t.config.tlsListen {
		l, err := serve.ListenHTTP("tcp", hostPort(addr))
		if err != nil {
			return serve.Sockets{}, errors.Join(err, sockets.Close())
		}
		sockets.HTTP = append(sockets.HTTP, t.config.rules.cert.Listener(l))
		t.tls = append(t.tls, netip.MustParseAddrPort(l.Addr().String()))
	}
	err = t.bindPages(&sockets)
	return sockets, err
}

func (t *trackerService) plainSockets() (serve.Sockets, error) {
	files, err := systemd.Sockets(t.app.env, os.Getpid())
	if err != nil {
		return serve.Sockets{}, err
	}
	if len(files) == 0 {
		var addrs []string
		for _, addr := range t.config.listen {
			addrs = append(addrs, hostPort(addr))
		}
		return serve.Bind(0, addrs...)
	}
	systemd.Forget()
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	t.app.log.Info("using the sockets that were handed over", zap.Int("sockets", len(files)))
	return serve.Inherited(files...)
}

// connectionKey returns the secret of the connection ids of UDP. It outlives the
// process, so that clients need not notice a restart: nodes with a secret derive
// it from that, so that an id of one is good at all, which may share an address
// behind a router. Others keep it in the data folder. It is nil without one.
func (c *trackerConfig) connectionKey() ([]byte, error) {
	if len(c.cluster.Secret) > 0 {
		return hkdf.Key(sha256.New, c.cluster.Secret, nil, "p2p udp connection ids 1", udpfront.KeySize)
	}
	if c.data == "" {
		return nil, nil
	}
	name := filepath.Join(c.data, "connection.key")
	key, err := os.ReadFile(name)
	if err == nil && len(key) == udpfront.KeySize {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the key of connection ids: %w", err)
	}
	key = make([]byte, udpfront.KeySize)
	rand.Read(key)
	if err := os.WriteFile(name, key, 0o600); err != nil {
		return nil, fmt.Errorf("keep the key of connection ids: %w", err)
	}
	return key, nil
}

// openControl makes the control socket. One that nobody asked for may be missing:
// another tracker has it, or there is no folder for it.
func (t *trackerService) openControl(ctx context.Context) error {
	c := t.config
	if c.control == "" {
		return nil
	}
	if c.defaultControl {
		_ = os.MkdirAll(filepath.Dir(c.control), 0o700) // Listen says what is wrong
	}
	server, err := control.Listen(c.control, control.Tracker{
		Keys: c.rules.keys, Bans: c.rules.bans, Reload: c.rules.reload, Announce: t.announceURLs,
	}, t.app.log)
	if err != nil {
		if c.defaultControl {
			t.app.log.Info("there is no control socket", zap.Error(err))
			return nil
		}
		return err
	}
	t.beside.Go(func() {
		if err := server.Serve(ctx); err != nil {
			t.app.log.Error("the control socket failed", zap.Error(err))
		}
	})
	return nil
}

func (t *trackerService) notify(state string) {
	if err := systemd.Notify(t.app.env, state); err != nil {
		t.app.log.Warn("the service manager was not told", zap.String("state", state), zap.Error(err))
	}
}

// stop ends the tracker and waits for it: first the sockets, so that what was
// answered is counted, then the rules, which write what they counted, then the
// snapshot, in which all peers are that were told so, then the ledger. It may be
// called twice.
func (t *trackerService) stop() error {
	if t.stopped {
		return nil
	}
	t.stopped = true
	defer t.release()
	var err error
	if t.people != nil {
		t.people.Release()
	}
	if t.localTracker != nil {
		t.notify(systemd.Stopping)
		err = t.localTracker.stop()
	}
	if t.cancel != nil {
		t.cancel()
		t.beside.Wait()
	}
	if t.snapshots != nil {
		t.snapshots.save(0)
	}
	if t.node != nil {
		if closeErr := t.node.Close(); closeErr != nil {
			err = errors.Join(err, closeErr)
		}
	}
	return err
}

// announceURLs are what goes into a torrent, with a passkey if it is not empty.
func (t *trackerService) announceURLs(passkey string) []string {
	http, udp := t.localTracker.announceURLs()
	urls := []string{http, udp}
	for _, addr := range t.tls {
		urls = append(urls, "https://"+netip.AddrPortFrom(t.host, addr.Port()).String()+"/announce")
	}
	if passkey != "" {
		for i, url := range urls {
			urls[i] = strings.TrimSuffix(url, "/announce") + "/" + passkey + "/announce"
		}
	}
	return urls
}
