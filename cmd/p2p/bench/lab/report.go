package lab

import (
	"encoding/json"
	"time"
)

// Line is what the parts of this package tell on their stdout, as JSON.
type Line struct {
	Ready string `json:"ready,omitempty"` // where a server is
	Sent  *int64 `json:"sent,omitempty"`  // bytes that a server has sent
	Took  int64  `json:"took,omitempty"`  // nanoseconds that a hash run took
}

// report collects what a process tells. Its fields are written on a goroutine
// of the process: address may be read when ready is closed, completed when
// complete is, and the others when the process has ended.
type report struct {
	progress func(int64)

	ready   chan struct{}
	address string

	complete  chan struct{} // a download has everything
	completed time.Time

	isReady, isComplete bool
	done                int64 // bytes that it has
	sent, wasted        int64 // -1 = not known
	took                time.Duration
}

func newReport(progress func(int64)) report {
	if progress == nil {
		progress = func(int64) {}
	}
	return report{progress: progress, ready: make(chan struct{}), complete: make(chan struct{}), sent: -1, wasted: -1}
}

// told is a line of JSON: of a part, or of p2p get and p2p seed.
type told struct {
	Line
	MessageType string  `json:"message_type"`
	State       string  `json:"state"`
	BytesDone   int64   `json:"bytes_done"`
	TotalBytes  int64   `json:"total_bytes"`
	Ratio       float64 `json:"ratio"`
	Uploaded    *int64  `json:"uploaded"`
	Wasted      *int64  `json:"wasted"`
}

// line takes one line of the process. What is not JSON is somebody's chatter.
func (r *report) line(b []byte) {
	var t told
	if json.Unmarshal(b, &t) != nil {
		return
	}
	if t.Ready != "" && !r.isReady {
		r.isReady, r.address = true, t.Ready
		close(r.ready)
	}
	if t.Sent != nil {
		r.sent = *t.Sent
	}
	if t.Took > 0 {
		r.took = time.Duration(t.Took)
	}
	switch t.MessageType {
	case "status":
		r.sent = int64(t.Ratio*float64(t.TotalBytes) + 0.5) // the summary is exact, but not every system lets it be written
		if t.State == "seeding" && !r.isComplete {
			r.isComplete, r.completed = true, time.Now()
			close(r.complete)
		}
	case "summary":
		if t.Uploaded != nil {
			r.sent = *t.Uploaded
		}
		if t.Wasted != nil {
			r.wasted = *t.Wasted
		}
	}
	if t.State != "checking" && t.BytesDone > r.done {
		r.progress(t.BytesDone - r.done)
		r.done = t.BytesDone
	}
}
