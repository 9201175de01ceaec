package link

import (
	"net"
	"time"
)

// Waits returns since when the write that is under way has waited for the socket; zero = there is none. That a write
// waits does not say that nothing leaves: Linux wakes a writer when a third of the buffer of the socket is free, which
// is a MB and more and on a line of 100 KB/s takes 7 s. What leaves is what Taken says.
func (l *Link) Waits() time.Time {
	if began := l.writing.Load(); began > 0 {
		return l.begin.Add(time.Duration(began))
	}
	return time.Time{}
}

// Taken returns how many bytes the other end has acknowledged since the connection began, those that lie in
// its own buffer unread among them; -1 = the system does not tell. It is a system call.
func (l *Link) Taken() int64 {
	switch s := bottom(l.cfg.Conn).(type) {
	case *net.TCPConn:
		return acknowledged(s)
	case interface{ Taken() int64 }: // the network of the tests
		return s.Taken()
	}
	return -1
}
