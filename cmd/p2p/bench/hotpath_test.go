package bench_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"p2p/cmd/p2p/bench"
)

// profileOf makes a CPU profile with a sample of a millisecond for each stack,
// the innermost function first.
func profileOf(t *testing.T, kind string, stacks ...string) *bytes.Buffer {
	t.Helper()
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: kind, Unit: "nanoseconds"}}}
	functions := map[string]*profile.Function{}
	for _, stack := range stacks {
		s := &profile.Sample{Value: []int64{1, int64(time.Millisecond)}}
		for name := range strings.SplitSeq(stack, " < ") {
			f := functions[name]
			if f == nil {
				f = &profile.Function{ID: uint64(len(functions) + 1), Name: name}
				functions[name], p.Function = f, append(p.Function, f)
			}
			l := &profile.Location{ID: uint64(len(p.Location) + 1), Line: []profile.Line{{Function: f}}}
			p.Location, s.Location = append(p.Location, l), append(s.Location, l)
		}
		p.Sample = append(p.Sample, s)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestASampleIsOfTheKindOfItsInnermostSign(t *testing.T) {
	for stack, want := range map[string]bench.Kind{
		"crypto/sha1.blockAVX2 < crypto/sha1.(*digest).Write < p2p/piece/store.(*Line).hash":                                      bench.Hash,
		"p2p/piece/sha1x2.blocks < p2p/piece/sha1x2.Write < p2p/piece/store.(*worker).hash":                                       bench.Hash,
		"internal/runtime/syscall/linux.Syscall6 < os.(*File).ReadAt < p2p/piece/store.(*Store).ReadAt < p2p/piece/sha1x2.part":   bench.ReadFile,
		"internal/runtime/syscall/linux.Syscall6 < syscall.pwrite < os.(*File).WriteAt < p2p/piece/store.(*Store).writeFile":      bench.WriteFile,
		"internal/runtime/syscall/linux.Syscall6 < os.(*File).ReadAt < p2p/piece/store.(*Store).ReadAt < p2p/peer/link.(*writer)": bench.ReadFile,
		"internal/runtime/syscall/linux.Syscall6 < syscall.RawSyscall6 < p2p/peer/link.(*rawSource).try":                          bench.Receive,
		"internal/runtime/syscall/linux.Syscall6 < syscall.writev < net.(*Buffers).WriteTo < p2p/peer/link.(*writer).send":        bench.Send,
		"runtime.memmove < p2p/peer/link.(*reader).need":                                                                          bench.Frame,
		"runtime.mapaccess2 < p2p/piece.(*Queue).Next < p2p/peer/swarm.(*Loop).run":                                               bench.Decide,
		"runtime.memclrNoHeapPointers < runtime.mallocgc < p2p/peer/swarm.(*Loop).run":                                            bench.Collect,
		"runtime.futex < runtime.findRunnable < runtime.schedule":                                                                 bench.Schedule,
		"main.main": bench.Other,
	} {
		got, err := bench.HotPath(profileOf(t, "cpu", stack))
		if want := []bench.Part{{want, time.Millisecond}}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is %v, %v; want %v", stack, got, err, want)
		}
	}
}

func TestTheMostExpensiveKindComesFirst(t *testing.T) {
	got, err := bench.HotPath(profileOf(t, "cpu", "main.main", "crypto/sha1.block", "crypto/sha1.block"))
	if want := []bench.Part{{bench.Hash, 2 * time.Millisecond}, {bench.Other, time.Millisecond}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func TestWhatIsNoCPUProfileIsRefused(t *testing.T) {
	if _, err := bench.HotPath(strings.NewReader("no profile")); err == nil {
		t.Error("a text was read as a profile")
	}
	if _, err := bench.HotPath(profileOf(t, "alloc_space", "main.main")); err == nil {
		t.Error("a profile of memory was read as one of time")
	}
}
