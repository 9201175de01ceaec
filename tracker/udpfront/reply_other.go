//go:build !linux

package udpfront

import "net"

// replyInfo does nothing here: an answer comes from the address that the system
// prefers. On a machine with several addresses the tracker is better bound to
// one of them.
type replyInfo struct{}

func newReplyInfo(*net.UDPConn) (*replyInfo, error) { return &replyInfo{}, nil }

func (*replyInfo) received() []byte { return nil }

func (*replyInfo) answer(int) []byte { return nil }
