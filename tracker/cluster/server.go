package cluster

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

const (
	// startTimeout is how long the server inside may take to be up; it takes
	// milliseconds, and longer with a large ledger.
	startTimeout = 30 * time.Second
	// ping is how often a node asks another whether it is there. One that does
	// not answer three times is connected to anew: a connection on which packets were lost for a while
	// would otherwise wait as long again for its next try.
	ping     = 2 * time.Second
	maxPings = 2
	// maxMemory bounds what the server inside keeps in memory for JetStream, and
	// maxStore what it keeps on disk.
	maxMemory = 64 << 20
	maxStore  = 64 << 30
)

// startServer starts the NATS server inside this process, and returns how to log
// in. It listens for other nodes only if o says so.
func startServer(o Options, id nodeID) (*server.Server, nats.Option, error) {
	return startServerAt(o, id, freePort)
}

// portTries is how many ports are tried where any will do: between the moment in which one is free and the server's, another program
// may have taken it.
const portTries = 5

// startServerAt is startServer with a choice of the port, which is asked where any will do.
func startServerAt(o Options, id nodeID, choose func(host string) (int, error)) (*server.Server, nats.Option, error) {
	for try := 1; ; try++ {
		s, login, err := tryServer(o, id, choose)
		if !errors.Is(err, errPortTaken) || !anyPort(o.Listen) || try == portTries {
			return s, login, err
		}
	}
}

func anyPort(listen string) bool {
	_, port, err := net.SplitHostPort(listen)
	return err == nil && port == "0"
}

// errPortTaken is that the server cannot listen for other nodes.
var errPortTaken = errors.New("it cannot listen for other nodes")

func tryServer(o Options, id nodeID, choose func(host string) (int, error)) (*server.Server, nats.Option, error) {
	so, err := serverOptions(o, id, choose)
	if err != nil {
		return nil, nil, err
	}
	s, err := server.NewServer(so)
	if err != nil {
		return nil, nil, fmt.Errorf("start the NATS server inside: %w", err)
	}
	log := &serverLog{log: o.Log.Named("nats"), fatal: make(chan string, 1)}
	s.SetLoggerV2(log, false, false, false)
	s.Start()
	if err := log.await(s); err != nil {
		s.Shutdown()
		return nil, nil, fmt.Errorf("start the NATS server inside: %w", err)
	}
	return s, nats.UserInfo(so.Username, so.Password), nil
}

// await waits until s is up, or has said that it will not be.
func (l *serverLog) await(s *server.Server) error {
	for end := time.Now().Add(startTimeout); time.Now().Before(end); {
		select {
		case line := <-l.fatal:
			if strings.HasPrefix(line, "Error listening on router port") { // as the server says it; another port may do
				return fmt.Errorf("%w: %s", errPortTaken, line)
			}
			return errors.New(line)
		default:
		}
		if s.ReadyForConnections(250 * time.Millisecond) {
			return nil
		}
	}
	return errors.New("it takes too long")
}

func serverOptions(o Options, id nodeID, choose func(host string) (int, error)) (*server.Options, error) {
	so := &server.Options{
		ServerName: fmt.Sprintf("p2p-%016x", uint64(id)),
		DontListen: true,
		NoSigs:     true,
		NoLog:      true,
	}
	if o.Dir != "" {
		so.JetStream = true
		so.StoreDir = storeDir(o)
		so.JetStreamMaxMemory, so.JetStreamMaxStore = maxMemory, maxStore
		// An accepted write is on disk. Writes are few, for counts are batched.
		so.SyncAlways = true
	}
	if o.Listen == "" {
		return so, nil
	}
	host, port, err := splitListen(o.Listen, choose)
	if err != nil {
		return nil, err
	}
	// The server opens no routes before it has opened a port for clients. So it
	// gets one that only this machine reaches, and a password that nobody is told.
	so.DontListen, so.Host, so.Port = false, "127.0.0.1", server.RANDOM_PORT
	so.Username, so.Password = "p2p", rand.Text()
	so.Cluster = server.ClusterOpts{
		Name: o.Name, Host: host, Port: port, Advertise: o.Advertise,
		NoAdvertise: true, // of that port
		// A node that another one told of is tried for ever too.
		ConnectRetries: math.MaxInt32, ConnectBackoff: true,
		PingInterval: ping, MaxPingsOut: maxPings,
	}
	if len(o.Secret) > 0 {
		if so.Cluster.TLSConfig, err = routeTLS(o.Secret, o.Name); err != nil {
			return nil, err
		}
		so.Cluster.TLSTimeout = 5
	}
	// The routes say how large the cluster is to be: this node and those that it joins.
	self, err := selfRoute(o.Advertise, host, port)
	if err != nil {
		return nil, err
	}
	so.Routes = append(so.Routes, self)
	for _, addr := range o.Join {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return nil, fmt.Errorf("%w: %q is not the address of a node", ErrOptions, addr)
		}
		so.Routes = append(so.Routes, &url.URL{Scheme: "nats-route", Host: addr})
	}
	return so, nil
}

// splitListen returns host and port as the server wants them. For 0 a port is chosen: the server has to know it before it starts.
func splitListen(addr string, choose func(host string) (int, error)) (host string, port int, err error) {
	host, digits, err := net.SplitHostPort(addr)
	if err == nil {
		port, err = strconv.Atoi(digits)
	}
	if err != nil || port < 0 || port > math.MaxUint16 {
		return "", 0, fmt.Errorf("%w: %q is not an address to listen on", ErrOptions, addr)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	if port == 0 {
		if port, err = choose(host); err != nil {
			return "", 0, err
		}
	}
	return host, port, nil
}

// freePort returns a port that was free a moment ago.
func freePort(host string) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, fmt.Errorf("listen for other nodes: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// selfRoute is the address of this node itself.
func selfRoute(advertise, host string, port int) (*url.URL, error) {
	if advertise == "" {
		advertise = net.JoinHostPort(host, strconv.Itoa(port))
	}
	if _, _, err := net.SplitHostPort(advertise); err != nil {
		return nil, fmt.Errorf("%w: %q is not the address of a node", ErrOptions, advertise)
	}
	return &url.URL{Scheme: "nats-route", Host: advertise}, nil
}

// storeDir is the folder of the server's data. That of a lone tracker is its
// own: a server of a cluster throws away what the cluster does not know.
func storeDir(o Options) string {
	if o.Listen == "" {
		return aloneDir(o.Dir)
	}
	return filepath.Join(o.Dir, "cluster-"+o.Name)
}

// loadID returns the id of the node whose folder dir is, which is made with its
// first start.
func loadID(dir string) (nodeID, error) {
	if dir == "" {
		return newID(), nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, fmt.Errorf("make the data folder: %w", err)
	}
	name := filepath.Join(dir, "node")
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		id := newID()
		if err := os.WriteFile(name, fmt.Appendf(nil, "%016x\n", uint64(id)), 0o600); err != nil {
			return 0, fmt.Errorf("keep the id of the node: %w", err)
		}
		return id, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the id of the node: %w", err)
	}
	var id uint64
	if len(text) == 17 {
		id, err = strconv.ParseUint(string(text[:16]), 16, 64)
	}
	if err != nil || id == 0 {
		return 0, fmt.Errorf("read the id of the node: %s does not hold one", name)
	}
	return nodeID(id), nil
}

func newID() nodeID {
	var b [8]byte
	rand.Read(b[:])
	return nodeID(binary.BigEndian.Uint64(b[:]) | 1)
}

// connect connects to the server of o.NATS, for which it does not wait, or to
// the one inside, for which there are options.
func connect(o Options, onError nats.ErrHandler, inside ...nats.Option) (*nats.Conn, error) {
	options := []nats.Option{
		nats.Name("p2p tracker " + o.Label), nats.NoEcho(),
		nats.MaxReconnects(-1), nats.ReconnectWait(250 * time.Millisecond), nats.RetryOnFailedConnect(true),
		// What cannot be sent now is dropped, and asked for later.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(ping), nats.MaxPingsOutstanding(maxPings), nats.Timeout(ping),
		nats.ErrorHandler(onError),
	}
	nc, err := nats.Connect(o.NATS, append(options, inside...)...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	return nc, nil
}

// serverLog is the log of the server inside. Its lines are text; what it calls a
// notice is detail here.
type serverLog struct {
	log   *zap.Logger
	fatal chan string // the first thing that the server cannot live with
}

func (l *serverLog) Noticef(format string, v ...any) { l.debug(format, v) }
func (l *serverLog) Debugf(format string, v ...any)  {}
func (l *serverLog) Tracef(format string, v ...any)  {}
func (l *serverLog) Errorf(format string, v ...any)  { l.debug(format, v) } // mostly routes that are not there yet
func (l *serverLog) Warnf(format string, v ...any)   { l.debug(format, v) }
func (l *serverLog) Fatalf(format string, v ...any) {
	line := fmt.Sprintf(format, v...)
	select {
	case l.fatal <- line:
	default:
	}
	l.log.Error("the NATS server inside failed", zap.String("line", line))
}

func (l *serverLog) debug(format string, v []any) {
	if e := l.log.Check(zap.DebugLevel, "the NATS server inside says"); e != nil {
		e.Write(zap.String("line", fmt.Sprintf(format, v...)))
	}
}
