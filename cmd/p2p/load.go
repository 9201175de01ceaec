package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"

	"p2p/torrentfile"
	"p2p/torrentfile/infohash"
)

// loaded is a torrent and what its file tells besides.
type loaded struct {
	*torrentfile.Metainfo
	size int // bytes of the torrent file

	// of a magnet link
	named []netip.AddrPort // peers that it names
	seen  []netip.AddrPort // peers that were asked for the rest
}

// load reads the torrent that target names: a path, "-" for stdin, or an http or
// https address, which is fetched from source if that is a specific address.
// The other names of a torrent, magnet links and info-hashes, get an error that
// says what to give in their place. loadFrom takes magnet links too.
func (a *app) load(ctx context.Context, target string, source netip.Addr) (loaded, error) {
	b, err := a.read(ctx, target, source)
	if err != nil {
		return loaded{}, err
	}
	m, err := torrentfile.Parse(b)
	if err != nil {
		return loaded{}, fmt.Errorf("%s: %w", target, err)
	}
	return loaded{Metainfo: m, size: len(b)}, nil
}

func (a *app) read(ctx context.Context, target string, source netip.Addr) ([]byte, error) {
	lower := strings.ToLower(target)
	switch {
	case target == "-":
		return readBounded(a.in)
	case strings.HasPrefix(lower, "http://"), strings.HasPrefix(lower, "https://"):
		return a.fetch(ctx, target, source)
	case strings.HasPrefix(lower, "magnet:"):
		if _, err := torrentfile.ParseMagnet(target); err != nil {
			return nil, err
		}
		return nil, a.usage("usage.magnet")
	}
	b, err := readFile(target)
	if errors.Is(err, fs.ErrNotExist) && isInfoHash(target) {
		return nil, a.usage("usage.info_hash")
	}
	return b, err
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, fmt.Errorf("%s is a folder: %w", name, torrentfile.ErrNotBencode)
	}
	return readBounded(f)
}

// readBounded reads all of r, which may be longer than any torrent: one byte
// past the limit is enough for Parse to say so.
func readBounded(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, torrentfile.MaxSize+1))
}

func isInfoHash(s string) bool {
	if _, err := infohash.Parse(s); err == nil {
		return true
	}
	return len(s) == 64 && strings.Trim(strings.ToLower(s), "0123456789abcdef") == ""
}
