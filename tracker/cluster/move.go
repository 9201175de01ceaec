package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"p2p/tracker/ledger"
)

// movedSuffix is added to the folder of a lone tracker's ledger when the cluster
// has all of it. Nothing is deleted.
const movedSuffix = ".moved"

// moveIn takes what this node kept when it was alone into the ledger of the
// cluster. What the cluster has already stays as it is there.
func (n *Node) moveIn(ctx context.Context) {
	from := aloneDir(n.opts.Dir)
	if _, err := os.Stat(from); n.opts.Dir == "" || errors.Is(err, fs.ErrNotExist) {
		return
	}
	moved, err := n.copyLedger(ctx)
	if err == nil {
		err = os.Rename(from, from+movedSuffix)
	}
	if err != nil {
		if ctx.Err() == nil {
			n.opts.Log.Error("the ledger of the time alone is not in the cluster yet; the next start tries again", zap.Error(err))
		}
		return
	}
	n.opts.Log.Info("the cluster has the ledger of the time alone", zap.Int("entries", moved))
}

// copyLedger opens the ledger of the time alone and copies its entries.
func (n *Node) copyLedger(ctx context.Context) (entries int, err error) {
	alone := n.opts
	alone.Listen, alone.Join, alone.NATS = "", nil, ""
	inside, login, err := startServer(alone, n.id)
	if err != nil {
		return 0, err
	}
	defer inside.WaitForShutdown()
	defer inside.Shutdown()
	nc, err := connect(alone, n.natsError, nats.InProcessServer(inside), login)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, fmt.Errorf("open the old ledger: %w", err)
	}
	old := newLedger(js, n.opts.Name, 1)
	names := js.StreamNames(ctx)
	for stream := range names.Name() {
		name, ours := strings.CutPrefix(stream, "KV_"+old.prefix)
		if !ours {
			continue
		}
		count, err := copyBucket(ctx, old, n.ledger, name)
		if entries += count; err != nil {
			return entries, fmt.Errorf("copy the bucket %s: %w", name, err)
		}
	}
	return entries, names.Err()
}

// copyBucket creates the entries of a bucket in another ledger.
func copyBucket(ctx context.Context, from, to *Ledger, name string) (entries int, err error) {
	source := openBucket(ctx, from, name)
	target := openBucket(ctx, to, name)
	if source == nil || target == nil {
		return 0, context.Cause(ctx)
	}
	all, err := ledger.All(ctx, source)
	if err != nil {
		return 0, err
	}
	for _, e := range all {
		for {
			_, err := target.Create(ctx, e.Key, e.Value)
			if err == nil || errors.Is(err, ledger.ErrExists) {
				break
			}
			if !passes(err) || ctx.Err() != nil {
				return entries, err
			}
		}
		entries++
	}
	return entries, nil
}

// aloneDir is where a lone tracker with the data folder dir has its ledger.
func aloneDir(dir string) string { return filepath.Join(dir, "alone") }
