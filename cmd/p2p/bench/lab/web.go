package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// slice is how much the server sends at a time: as much as a block, so that
// clients share the limit evenly.
const slice = 16 << 10

// fileServer gives one file to everybody, within one limit for all together.
type fileServer struct {
	file  string
	limit *rate.Limiter
	sent  atomic.Int64
}

// Serve gives file to everybody who asks address for it over HTTP, with at most
// limit bytes a second for all of them together (0 = no limit), until ctx ends.
// It tells ready its URL, and returns how many bytes of the file it has sent.
func Serve(ctx context.Context, address, file string, limit int64, ready func(string) error) (sent int64, err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return 0, err
	}
	s := &fileServer{file: file, limit: rate.NewLimiter(rate.Inf, slice)}
	if limit > 0 {
		s.limit.SetLimit(rate.Limit(limit))
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	if err := ready("http://" + listener.Addr().String() + "/" + DataName); err != nil {
		return 0, errors.Join(err, listener.Close())
	}
	ended := make(chan struct{})
	release := context.AfterFunc(ctx, func() {
		server.Close()
		close(ended)
	})
	err = server.Serve(listener)
	if release() { // it ended by itself
		return s.sent.Load(), err
	}
	<-ended
	return s.sent.Load(), nil
}

func (s *fileServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, err := os.Open(s.file)
	if err != nil {
		http.Error(w, "cannot read the file", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil {
		w.Header().Set("Content-Length", strconv.FormatInt(st.Size(), 10))
	}
	buf := make([]byte, slice)
	for {
		n, err := f.Read(buf)
		if n > 0 {
			if s.limit.WaitN(r.Context(), n) != nil {
				return
			}
			written, err := w.Write(buf[:n])
			s.sent.Add(int64(written))
			if err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Fetch downloads url into file.
func Fetch(ctx context.Context, url, file string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch: the server says %s", answer.Status)
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, answer.Body)
	return errors.Join(err, f.Close())
}
