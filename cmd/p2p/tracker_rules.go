package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"go.uber.org/zap"

	"p2p/cmd/p2p/control"
	"p2p/tracker"
	"p2p/tracker/httpfront"
	"p2p/tracker/ledger"
	"p2p/tracker/policy"
)

// trackerRules are who may use a tracker, and the files that say so. Its methods
// may be called by any goroutine.
type trackerRules struct {
	log         *zap.Logger
	bans        *policy.Bans
	limits      *policy.Limits  // nil: none
	keys        *policy.Private // nil: not private
	allow, deny *policy.List    // nil: none
	cert        *httpfront.Certificate

	mu    sync.Mutex // one reload at a time
	files []*ruleFile
}

// ruleFile is a file that can be read again while the tracker runs.
type ruleFile struct {
	flag, path string
	entries    int
	size       int64 // when the tracker was started
	most       int64 // that it may have when it is read again, in bytes; 0 for any
	failed     error // the last time it was read again
	// load reads it, up to most bytes unless that is 0.
	load func(path string, most int64) (content, error)
}

// content is that of a file.
type content struct {
	entries int
	size    int64
	use     func() // makes it the one that counts
}

// newTrackerRules makes the rules that the flags ask for, with what their files
// hold. A file that is wrong is an error.
func (a *app) newTrackerRules(f trackerFlags, c *trackerConfig) (*trackerRules, error) {
	r := &trackerRules{log: a.log}
	r.bans = policy.NewBans(policy.BansOptions{Bucket: ledger.Late(c.kept, policy.BansBucket), Log: a.log})
	r.file("bans", f.bans, r.loadBans)
	if f.rate > 0 {
		r.limits = policy.NewLimits(policy.LimitsOptions{Rate: f.rate})
	}
	if f.private {
		r.keys = policy.NewPrivate(policy.PrivateOptions{
			Keys: ledger.Late(c.kept, policy.KeysBucket), Usage: ledger.Late(c.kept, policy.UsageBucket),
			Node: c.nodeName(), SessionTTL: c.options.PeerTTL, MaxSessions: c.sessions(), Log: a.log,
		})
		r.file("keys", f.keys, r.loadKeys)
	}
	if f.allow != "" {
		r.allow = policy.NewAllowList(new(policy.Torrents))
		r.file("allow", f.allow, loadList(r.allow))
	}
	if f.deny != "" {
		r.deny = policy.NewDenyList(new(policy.Torrents))
		r.file("deny", f.deny, loadList(r.deny))
	}
	if f.tlsCert != "" {
		cert, err := httpfront.LoadCertificate(f.tlsCert, f.tlsKey)
		if err != nil {
			return nil, a.usage("usage.tracker_file", "tls-cert", f.tlsCert, err)
		}
		r.cert = cert
		r.files = append(r.files, &ruleFile{flag: "tls-cert", path: f.tlsCert, entries: 1,
			load: func(string, int64) (content, error) { return content{1, 0, func() {}}, cert.Reload() }})
	}
	for _, file := range r.files {
		l, err := file.load(file.path, 0)
		if line, ok := errors.AsType[*policy.LineError](err); ok {
			return nil, a.usage("usage.tracker_file", file.flag, file.path, line)
		} else if err != nil {
			return nil, fmt.Errorf("--%s: %w", file.flag, err)
		}
		file.entries, file.size = l.entries, l.size
		if c.limit > 0 {
			file.most = grown(l.size)
		}
		l.use()
	}
	return r, nil
}

// file notes a file, if there is one.
func (r *trackerRules) file(flag, path string, load func(io.Reader, int64) (int, func(), error)) {
	if path == "" {
		return
	}
	r.files = append(r.files, &ruleFile{flag: flag, path: path, load: func(path string, most int64) (content, error) {
		f, err := os.Open(path)
		if err != nil {
			return content{}, err
		}
		defer f.Close()
		size := int64(0)
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		if most > 0 && size > most {
			return content{}, errGrown
		}
		bounded := &boundedFile{File: f, most: most}
		entries, use, err := load(bounded, size)
		return content{entries, bounded.size, use}, err
	}})
}

func (r *trackerRules) loadBans(f io.Reader, _ int64) (int, func(), error) {
	bans, err := policy.ReadBans(f)
	return len(bans), func() { r.bans.SetFile(bans) }, err
}

func (r *trackerRules) loadKeys(f io.Reader, _ int64) (int, func(), error) {
	keys, err := policy.ReadKeys(f)
	return len(keys), func() { r.keys.SetFile(keys) }, err
}

func loadList(list *policy.List) func(io.Reader, int64) (int, func(), error) {
	return func(f io.Reader, size int64) (int, func(), error) {
		set, err := policy.ReadTorrents(f, size)
		if err != nil {
			return 0, nil, err
		}
		return set.Len(), func() { list.Replace(set) }, nil
	}
}

// policy returns the rules in the order in which they are asked.
func (r *trackerRules) policy() tracker.Policy {
	chain := policy.Chain{r.bans}
	if r.limits != nil {
		chain = append(chain, r.limits)
	}
	if r.keys != nil {
		chain = append(chain, r.keys)
	}
	if r.allow != nil {
		chain = append(chain, r.allow)
	}
	if r.deny != nil {
		chain = append(chain, r.deny)
	}
	return chain
}

// errLoading is why a tracker is not ready whose rules are not complete.
var errLoading = errors.New("the passkeys and bans of the ledger have not been fetched yet")

// ready returns nil when the rules are those of the ledger and the files, else why not.
func (r *trackerRules) ready() error {
	if !r.bans.Ready() || r.keys != nil && !r.keys.Ready() {
		return errLoading
	}
	return nil
}

// reload reads all files again. One that is wrong changes nothing: what it held
// before stays in use, and the log says why.
func (r *trackerRules) reload() []control.Reloaded {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, file := range r.files {
		l, err := file.load(file.path, file.most)
		if err != nil {
			r.log.Error("a file was not read again; what it held before stays in use",
				zap.String("flag", file.flag), zap.String("file", file.path), zap.Error(err))
			file.failed = err
			continue
		}
		l.use()
		r.log.Info("file read again", zap.String("flag", file.flag), zap.String("file", file.path),
			zap.Int("entries", l.entries), zap.Int("before", file.entries))
		file.entries, file.failed = l.entries, nil
	}
	return r.stateLocked()
}

// state returns what the files hold.
func (r *trackerRules) state() []control.Reloaded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stateLocked()
}

func (r *trackerRules) stateLocked() []control.Reloaded {
	all := []control.Reloaded{}
	for _, file := range r.files {
		one := control.Reloaded{What: file.flag, File: file.path, Entries: file.entries}
		if file.failed != nil {
			one.Error = file.failed.Error()
		}
		all = append(all, one)
	}
	return all
}

// run follows the ledger, and writes to it what is counted, until ctx ends.
func (r *trackerRules) run(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { r.bans.Run(ctx) })
	if r.keys != nil {
		group.Go(func() { r.keys.Run(ctx) })
	}
	if r.cert != nil {
		group.Go(func() { r.cert.Watch(ctx, r.log) })
	}
	group.Wait()
}
