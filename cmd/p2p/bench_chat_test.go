package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestBenchChatMeasuresPeopleAndARoomAtRestAndDuringTransfers(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a dozen nodes")
	}
	svg := filepath.Join(t.TempDir(), "x.svg")
	all := benchmark(t, "chat", "--messages", "20", "--rate", "100", "--room-rate", "50", "--members", "3", "--missed", "40", "--outstanding", "8",
		"--size", "1M", "--search", "50", "--svg", svg)
	got := map[string]map[string]any{}
	for _, r := range all[len(all)-1]["results"].([]any) {
		r := r.(map[string]any)
		name := r["measure"].(string)
		if of, ok := r["of"].(string); ok {
			name += " " + of
		}
		if r["transfer"].(bool) {
			name += " busy"
		}
		got[name] = r
	}
	for _, name := range []string{
		"direct stored", "direct shown", "direct stored busy", "direct shown busy", "room each", "room shown", "room each busy", "room shown busy", "search answered",
	} {
		times, ok := got[name]["times"].(map[string]any)
		if !ok || times["p50"].(float64) <= 0 || times["p50"].(float64) > times["p99"].(float64) || times["p99"].(float64) > times["max"].(float64) {
			t.Errorf("%s: %v", name, got[name])
		}
	}
	if got["throughput"]["messages_per_second"].(float64) <= 0 || got["catch_up"]["seconds"].(float64) <= 0 || len(got) != 11 {
		t.Errorf("results %v", got)
	}
	if s := read(t, svg); !strings.HasPrefix(s, "<svg ") || strings.Count(s, "<title>") != 2 {
		t.Errorf("the plot is %.100q", s)
	}
}

func TestBenchChatRefusesWhatMakesNoSense(t *testing.T) {
	for _, c := range []struct{ flag, value string }{
		{"--members", "2"}, {"--members", "51"}, {"--rate", "0"}, {"--rate", "NaN"}, {"--room-rate", "0"}, {"--messages", "0"}, {"--outstanding", "0"},
		{"--missed", "0"}, {"--search", "-1"}, {"--reps", "0"}, {"--size", "0"},
	} {
		_, errs := p2p(t, exitUsage, "bench", "chat", c.flag, c.value)
		oneLineSays(t, errs, c.flag)
	}
}
