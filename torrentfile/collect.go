package torrentfile

import (
	"context"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// diskFile is one file that goes into a torrent, as it was when it was found.
type diskFile struct {
	path    string // where it is on this machine
	rel     string // slash-separated path below the root; "" for the root itself
	size    int64  // bytes
	offset  int64  // of its first byte in the torrent
	modTime time.Time
}

// collect finds the files at root in the order of the torrent. single says that
// root is a file itself.
func collect(ctx context.Context, root string, o *CreateOptions) (files []diskFile, single bool, err error) {
	patterns, err := parseExcludes(o.Exclude)
	if err != nil {
		return nil, false, err
	}
	root, err = filepath.EvalSymlinks(root)
	if err != nil {
		return nil, false, err
	}
	st, err := os.Stat(root)
	if err != nil {
		return nil, false, err
	}
	if !st.IsDir() {
		if err := regular(root, st.Mode()); err != nil {
			return nil, false, err
		}
		return []diskFile{{path: root, size: st.Size(), modTime: st.ModTime()}}, true, nil
	}
	w := walk{ctx: ctx, root: root, exclude: patterns, leaveOut: o.LeaveOut}
	if err := filepath.WalkDir(root, w.visit); err != nil {
		return nil, false, err
	}
	w.tellEmpty()
	files, err = inOrder(w.files)
	return files, false, err
}

// inOrder sorts files as mktorrent does, by the bytes of the whole path with its
// slashes, and gives each its offset. The order is part of the info-hash.
func inOrder(files []diskFile) ([]diskFile, error) {
	slices.SortFunc(files, func(a, b diskFile) int { return strings.Compare(a.rel, b.rel) })
	var offset int64
	for i := range files {
		if files[i].size > math.MaxInt64-offset {
			return nil, fmt.Errorf("%s: all files together are too long", files[i].path)
		}
		files[i].offset = offset
		offset += files[i].size
	}
	return files, nil
}

type walk struct {
	ctx     context.Context
	root    string
	exclude excludes
	// leaveOut is CreateOptions.LeaveOut.
	leaveOut func(path string, mode fs.FileMode)
	files    []diskFile
	empty    []string // folders in which nothing was found so far
}

func (w *walk) visit(name string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if name == w.root {
		return nil
	}
	rel, err := filepath.Rel(w.root, name)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	if n := len(w.empty); n > 0 && w.empty[n-1] == path.Dir(rel) { // it is visited right before what is in it
		w.empty = w.empty[:n-1]
	}
	if w.exclude.match(rel) {
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	if d.IsDir() {
		if w.leaveOut != nil {
			w.empty = append(w.empty, rel)
		}
		return nil
	}
	if err := regular(name, d.Type()); err != nil {
		if w.leaveOut != nil {
			w.leaveOut(rel, d.Type())
			return nil
		}
		return err
	}
	st, err := d.Info()
	if err != nil {
		return err
	}
	if len(w.files) == MaxFiles {
		return fmt.Errorf("%s: more than %d files", w.root, MaxFiles)
	}
	w.files = append(w.files, diskFile{path: name, rel: rel, size: st.Size(), modTime: st.ModTime()})
	return nil
}

// tellEmpty tells of the folders with nothing in them: a torrent is a list of files.
func (w *walk) tellEmpty() {
	for _, rel := range w.empty {
		w.leaveOut(rel, fs.ModeDir)
	}
}

// UnfitError is the error of Create for what is neither file nor folder.
type UnfitError struct {
	Path string
	Mode fs.FileMode // type bits
}

// Error implements error.
func (e *UnfitError) Error() string {
	kind := "not a regular file"
	switch {
	case e.Mode&fs.ModeSymlink != 0:
		kind = "a symbolic link"
	case e.Mode&fs.ModeNamedPipe != 0:
		kind = "a pipe"
	case e.Mode&fs.ModeSocket != 0:
		kind = "a socket"
	case e.Mode&fs.ModeDevice != 0:
		kind = "a device"
	}
	return fmt.Sprintf("%s is %s, which a torrent cannot hold; exclude it to go on without", e.Path, kind)
}

// regular refuses what is neither file nor folder.
func regular(path string, mode fs.FileMode) error {
	if mode.IsRegular() {
		return nil
	}
	return &UnfitError{Path: path, Mode: mode.Type()}
}

// unchanged makes sure that the files are still what they were when collected.
func unchanged(files []diskFile) error {
	for _, f := range files {
		st, err := os.Stat(f.path)
		if err != nil {
			return err
		}
		if err := f.same(st); err != nil {
			return err
		}
	}
	return nil
}

func (f *diskFile) same(st fs.FileInfo) error {
	if st.Size() != f.size || !st.ModTime().Equal(f.modTime) {
		return fmt.Errorf("%s: %w", f.path, ErrChanged)
	}
	return nil
}

// excludes are patterns of path.Match.
type excludes []string

func parseExcludes(patterns []string) (excludes, error) {
	var e excludes
	for _, p := range patterns {
		p = strings.TrimPrefix(strings.TrimSuffix(p, "/"), "./")
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("exclude %q: %w", p, err)
		}
		e = append(e, p)
	}
	return e, nil
}

// match reports whether rel is to be left out. What lies in a folder that is
// left out is never asked about.
func (e excludes) match(rel string) bool {
	for _, p := range e {
		subject := rel
		if !strings.Contains(p, "/") {
			subject = path.Base(rel)
		}
		if ok, _ := path.Match(p, subject); ok {
			return true
		}
	}
	return false
}
