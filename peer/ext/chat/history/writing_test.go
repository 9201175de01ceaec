package history_test

import (
	"testing"
	"time"

	"p2p/peer/ext/chat/history"
)

func TestHowLongTheDiskIsWaitedForIsToldWhileItIs(t *testing.T) {
	var k *keeper
	var during time.Duration
	ann, begun := begun(t, 1, history.Options{Clock: func() time.Time { // is asked in the middle of a transaction
		if k != nil {
			during = k.Writing()
		}
		return time.Now()
	}})
	k = begun
	k.take(ann.say("hello"))
	if during <= 0 {
		t.Error("what is being written takes no time")
	}
	if after := k.Writing(); after != 0 {
		t.Errorf("what was written still takes time: %v", after)
	}
}
