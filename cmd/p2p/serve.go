package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
	"p2p/cmd/p2p/people"
	"p2p/cmd/p2p/units"
	"p2p/peer/ext/chat/history"
)

// person is a node of package people, or what a test has in its place.
type person interface {
	p2pv1connect.PeopleHandler
	Done() <-chan struct{}           // closed when a program has asked it to stop
	Close(ctx context.Context) error // says goodbye until ctx ends
}

// openPerson is people.Open.
func openPerson(ctx context.Context, o people.Options) (person, error) {
	n, err := people.Open(ctx, o)
	if err != nil {
		return nil, err // not a person that holds nil
	}
	return n, nil
}

type serveFlags struct {
	down, up                                                      units.Rate
	profile, listen, directory, api, downloads, passphrase, label string
	trackers                                                      []string
	linger                                                        units.Duration
	stop                                                          bool
	again                                                         []string // arguments to start it again with
}

func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	say := a.text.Say
	cmd := &cobra.Command{
		Use: "serve", Short: say("serve.short"), Long: say("serve.long"), Example: say("serve.examples"), Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.stop {
				return a.stopServing(cmd.Context(), f)
			}
			var err error
			if f.again, err = given(cmd.Flags()); err != nil {
				return err
			}
			return a.serve(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.profile, "profile", "", say("people.profile"))
	flags.StringVar(&f.listen, "listen", "", say("serve.listen"))
	flags.StringArrayVar(&f.trackers, "tracker", nil, say("serve.tracker"))
	flags.StringVar(&f.directory, "directory", "", say("account.directory"))
	flags.StringVar(&f.downloads, "downloads", "", say("serve.downloads"))
	flags.VarP(&f.down, "down-limit", "d", say("serve.down_limit"))
	flags.VarP(&f.up, "up-limit", "u", say("serve.up_limit"))
	flags.StringVar(&f.label, "label", "", say("account.label"))
	flags.StringVar(&f.passphrase, "passphrase-file", "", say("serve.passphrase_file"))
	flags.StringVar(&f.api, "api", "", say("serve.api"))
	flags.Var(&f.linger, "linger", say("serve.linger"))
	flags.BoolVar(&f.stop, "stop", false, say("serve.stop"))
	return cmd
}

// nodeGrowth is by how many per cent a node's memory may grow between two collections of garbage. It lives on a few
// megabytes, which Go would collect anew every few dozen messages, while people wait for them.
const nodeGrowth = 200

// nodeThreads is how many threads of a node may run for each core. What has to be done for a message would wait in Go's queue
// until what hashes and ciphers files has done its part, up to 10 ms at each step; the system gives a thread that
// has slept its turn sooner.
const nodeThreads = 2

// cores is how many this process may use, by the limits of its container too.
var cores = runtime.GOMAXPROCS(0)

// hasten has messages go before files in this process, unless its environment says otherwise.
func hasten() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(nodeGrowth)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(nodeThreads * cores)
	}
}

// serve is the node of a profile, until somebody stops it, which is how it is meant to end.
func (a *app) serve(parent context.Context, f serveFlags) error {
	doors, options, err := a.serveOptions(f)
	if err != nil {
		return err
	}
	server, err := api.Listen(doors) // first of all: it says whether there is a node
	if errors.Is(err, api.ErrRunning) {
		return a.fail(exitBusy, "serve.running", doors.Profile)
	}
	if err != nil {
		return err
	}
	hasten()
	ctx, release, stop := a.interruptible(parent)
	defer release()
	node, err := a.openPerson(ctx, options)
	if err != nil {
		return errors.Join(a.openFailure(ctx, err), server.Close())
	}
	if err := keepFlags(doors.Profile, f.again); err != nil {
		a.log.Warn("the flags are not kept for a node that is started again", zap.Error(err))
	}
	var beside sync.WaitGroup
	beside.Go(func() {
		select {
		case <-node.Done():
			stop(nil)
		case <-ctx.Done():
		}
	})
	if f.linger > 0 {
		beside.Go(func() {
			m := moved{node: node}
			m.since(ctx)
			if server.Linger(ctx, time.Duration(f.linger), func() bool { return m.since(ctx) }) {
				stop(nil)
			}
		})
	}
	if err = a.printServing(doors.Profile, server.URL()); err == nil {
		err = server.Serve(ctx, node)
	}
	stop(nil)
	beside.Wait()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	return errors.Join(err, node.Close(limit), forgetFlags(doors.Profile), server.Close()) // the last one tells that all of it is done
}

// openPerson opens the node. Its history may want a passphrase, which somebody at a terminal can tell.
func (a *app) openPerson(ctx context.Context, o people.Options) (person, error) {
	node, err := a.person(ctx, o)
	if !errors.Is(err, history.ErrPassphrase) || len(o.Passphrase) > 0 || a.secret == nil {
		return node, err
	}
	secret, err := a.secret(a.text.Say("serve.passphrase"))
	if err != nil {
		return nil, err
	}
	o.Passphrase = []byte(secret)
	return a.person(ctx, o)
}

// openFailure says why a node does not open.
func (a *app) openFailure(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, history.ErrPassphrase):
		return a.fail(exitRefused, "serve.wrong_passphrase")
	case errors.Is(err, history.ErrPlain):
		return a.fail(exitUsage, "serve.no_passphrase")
	case errors.Is(err, history.ErrBusy):
		return a.fail(exitBusy, "serve.history_busy")
	case errors.Is(err, people.ErrEmptied):
		return a.fail(exitIO, "serve.emptied")
	case errors.Is(err, history.ErrNewer):
		return a.fail(exitOther, "serve.newer")
	}
	return stopCause(ctx, err)
}

// serveOptions reads the flags.
func (a *app) serveOptions(f serveFlags) (doors api.Options, o people.Options, err error) {
	if doors.Profile, err = a.profileDir(f.profile); err != nil {
		return doors, o, err
	}
	doors.Log = a.log
	if f.api != "" {
		if doors.Address, err = netip.ParseAddrPort(f.api); err != nil || !doors.Address.Addr().IsLoopback() {
			return doors, o, a.usage("usage.api", f.api)
		}
	}
	o = people.Options{
		Dir: doors.Profile, Trackers: f.trackers, Directory: f.directory, Label: f.label, Version: version, Log: a.log,
		DownLimit: int64(f.down), UpLimit: int64(f.up),
	}
	if dir := a.stateDir(); dir != "" {
		o.Marks = filepath.Join(dir, "devices")
	}
	for _, url := range f.trackers {
		if !trackerOrNone(url, f.trackers) {
			return doors, o, a.usage("usage.url", url)
		}
	}
	if f.directory != "" && !announceable(f.directory) {
		return doors, o, a.usage("usage.url", f.directory)
	}
	if f.listen != "" {
		if o.Listen, err = a.parseListen(f.listen); err != nil {
			return doors, o, err
		}
		if !o.Listen.Addr().IsValid() {
			o.Listen = netip.AddrPortFrom(netip.IPv6Unspecified(), o.Listen.Port()) // all addresses, of both kinds
		}
	}
	if f.downloads != "" {
		if o.Downloads, err = filepath.Abs(f.downloads); err != nil {
			return doors, o, err
		}
	}
	if f.passphrase != "" {
		secret, err := a.password(f.passphrase, false)
		if err != nil {
			return doors, o, err
		}
		o.Passphrase = []byte(secret)
	}
	return doors, o, nil
}

// trackerOrNone reports whether url may be one of the trackers of a person, of whom "none" alone is said of none.
func trackerOrNone(url string, all []string) bool {
	return announceable(url) || url == "none" && len(all) == 1 && all[0] == url
}

// announceable reports whether a tracker can be asked under url.
func announceable(url string) bool {
	for _, scheme := range []string{"http://", "https://", "udp://"} {
		if strings.HasPrefix(url, scheme) {
			return true
		}
	}
	return false
}

// moved knows how much of all files was on its way, which nobody has to watch. One goroutine uses it.
type moved struct {
	node  p2pv1connect.PeopleHandler
	bytes int64 // in either direction, when it was last asked
}

// since reports whether a file is on its way, or was since it was last asked: the rate of a slow one is zero between two blocks.
func (m *moved) since(ctx context.Context) bool {
	r, err := m.node.ListTransfers(ctx, request(&p2pv1.ListTransfersRequest{}))
	if err != nil {
		return false
	}
	before, busy := m.bytes, false
	m.bytes = 0
	for _, t := range r.Msg.Transfers {
		m.bytes += t.Done + t.Uploaded
		busy = busy || t.DownRate+t.UpRate > 0
		switch t.State {
		case p2pv1.Transfer_STATE_HASHING, p2pv1.Transfer_STATE_CHECKING, p2pv1.Transfer_STATE_FINISHING:
			busy = true
		}
	}
	return busy || m.bytes != before
}

// servingMessage is the first line of serve.
type servingMessage struct {
	MessageType string `json:"message_type"` // start
	Schema      int    `json:"schema"`
	Version     string `json:"version"`
	Command     string `json:"command"` // serve
	Profile     string `json:"profile"`
	Socket      string `json:"socket"`
	URL         string `json:"url,omitempty"` // on the loopback network
	TokenFile   string `json:"token_file,omitempty"`
}

func (a *app) printServing(profile, url string) error {
	m := servingMessage{
		MessageType: "start", Schema: schema, Version: version, Command: "serve", Profile: profile, Socket: api.SocketPath(profile), URL: url,
	}
	a.say("serve.at", m.Socket)
	if url != "" {
		m.TokenFile = api.EndpointPath(profile)
		a.say("serve.at_url", url, m.TokenFile)
	}
	return a.emit(m)
}

// errStillEnding is that a node takes too long.
var errStillEnding = errors.New("the node has not ended yet")

// stopWait is for how long a node that was told to stop may take to have its profile written and closed: calls in progress, and what
// it says to trackers and the directory.
const stopWait = 5 * farewell

// stopServing asks the node of a profile to stop, and waits for that: whoever copies the profile next finds it whole.
func (a *app) stopServing(ctx context.Context, f serveFlags) error {
	profile, err := a.profileDir(f.profile)
	if err != nil {
		return err
	}
	c, err := api.Dial(ctx, profile)
	if errors.Is(err, api.ErrNoNode) {
		return a.fail(exitNotFound, "serve.not_running", profile)
	}
	if err != nil {
		return a.nodeFailure(ctx, err)
	}
	defer c.Close()
	if _, err = c.Stop(ctx, request(&p2pv1.StopRequest{})); err != nil {
		return a.nodeFailure(ctx, err)
	}
	limit, cancel := context.WithTimeoutCause(ctx, stopWait, errStillEnding)
	defer cancel()
	if err = api.Ended(limit, profile); errors.Is(err, errStillEnding) {
		return a.fail(exitUnfinished, "serve.still_ending", profile)
	}
	return stopCause(ctx, err)
}
