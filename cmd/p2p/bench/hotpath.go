package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// Kind is what a program spends time on while it moves a file.
type Kind string

// The kinds, of which each sample of a profile has one.
const (
	Receive   Kind = "receive" // the kernel copies from a socket
	Send      Kind = "send"    // the kernel copies to a socket
	ReadFile  Kind = "read"
	WriteFile Kind = "write"
	Hash      Kind = "hash"
	Decide    Kind = "decide" // the loop, the sessions, the queue
	Frame     Kind = "frame"  // readers and writers, without their system calls
	Schedule  Kind = "schedule"
	Collect   Kind = "collect" // the garbage collector, and allocation
	Other     Kind = "other"
)

// Kinds are all kinds, in the order of a block's way.
var Kinds = []Kind{ReadFile, Send, Receive, Hash, WriteFile, Frame, Decide, Schedule, Collect, Other}

// sign says that a function, or one that it was called by, makes a sample one of
// a kind. A sample is looked at from the inside out, and the first sign counts.
type sign struct {
	prefix string
	kind   Kind
	system Kind // within a system call; "" is kind
}

// signs of the kinds, the more particular ones first. A system call has no sign of
// its own: who made it says what it was for.
var signs = []sign{
	{prefix: "crypto/", kind: Hash}, {prefix: "p2p/piece/sha1x2.", kind: Hash},
	{prefix: "runtime.gcBgMarkWorker", kind: Collect}, {prefix: "runtime.gcStart", kind: Collect}, {prefix: "runtime.gcAssist", kind: Collect},
	{prefix: "runtime.bgsweep", kind: Collect}, {prefix: "runtime.bgscavenge", kind: Collect}, {prefix: "runtime.mallocgc", kind: Collect},
	{prefix: "runtime.newobject", kind: Collect}, {prefix: "runtime.makeslice", kind: Collect}, {prefix: "runtime.growslice", kind: Collect},
	{prefix: "runtime.schedule", kind: Schedule}, {prefix: "runtime.findRunnable", kind: Schedule}, {prefix: "runtime.mcall", kind: Schedule},
	{prefix: "runtime.park_m", kind: Schedule}, {prefix: "runtime.futex", kind: Schedule}, {prefix: "runtime.netpoll", kind: Schedule},
	{prefix: "runtime.goready", kind: Schedule}, {prefix: "runtime.ready", kind: Schedule}, {prefix: "runtime.sysmon", kind: Schedule},
	{prefix: "runtime.mstart", kind: Schedule}, {prefix: "runtime.chansend", kind: Schedule}, {prefix: "runtime.chanrecv", kind: Schedule},
	{prefix: "runtime.selectgo", kind: Schedule}, {prefix: "runtime.exitsyscall", kind: Schedule}, {prefix: "runtime.entersyscall", kind: Schedule},
	{prefix: "p2p/piece/store.(*Store).read", kind: ReadFile}, {prefix: "p2p/piece/store.(*Store).Read", kind: ReadFile},
	{prefix: "p2p/piece/store.", kind: WriteFile},
	{prefix: "p2p/peer/link.(*writer)", kind: Frame, system: Send}, {prefix: "p2p/peer/link.", kind: Frame, system: Receive},
	{prefix: "p2p/peer/swarm.", kind: Decide}, {prefix: "p2p/peer/session.", kind: Decide}, {prefix: "p2p/piece.", kind: Decide},
}

// Part is a kind with the processor time that it took.
type Part struct {
	Kind Kind
	Time time.Duration
}

// HotPath reads a CPU profile as package runtime/pprof writes it, and returns what the time was
// spent on, the most expensive first.
func HotPath(r io.Reader) ([]Part, error) {
	p, err := profile.Parse(r)
	if err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	column := slices.IndexFunc(p.SampleType, func(v *profile.ValueType) bool { return v.Type == "cpu" && v.Unit == "nanoseconds" })
	if column < 0 {
		return nil, fmt.Errorf("read profile: it has no CPU time")
	}
	sums := make(map[Kind]time.Duration)
	for _, s := range p.Sample {
		sums[kindOf(functions(s))] += time.Duration(s.Value[column])
	}
	parts := make([]Part, 0, len(sums))
	for kind, sum := range sums {
		parts = append(parts, Part{kind, sum})
	}
	slices.SortFunc(parts, func(a, b Part) int { return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Kind, b.Kind)) })
	return parts, nil
}

// functions returns the names of the functions of a sample, the innermost first.
func functions(s *profile.Sample) []string {
	var names []string
	for _, location := range s.Location {
		for _, line := range location.Line {
			if line.Function != nil {
				names = append(names, line.Function.Name)
			}
		}
	}
	return names
}

// kindOf returns the kind of a sample with these functions, the innermost first.
func kindOf(names []string) Kind {
	system := false
	for _, name := range names {
		system = system || isSystemCall(name)
		for _, s := range signs {
			if !strings.HasPrefix(name, s.prefix) {
				continue
			}
			if system && s.system != "" {
				return s.system
			}
			return s.kind
		}
	}
	return Other
}

func isSystemCall(name string) bool {
	return strings.HasPrefix(name, "syscall.") || strings.HasPrefix(name, "internal/runtime/syscall") || strings.HasPrefix(name, "golang.org/x/sys/unix.")
}
