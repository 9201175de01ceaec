package main

import "testing"

func TestBenchManyMeasuresASeederFromItsStartToItsEnd(t *testing.T) {
	all := benchmark(t, "many", "--torrents", "30", "--pieces", "8", "--active", "2", "--idle", "1s")
	s := all[len(all)-1]
	if s["announced"] != 30.0 || s["asked"] != 30.0 || s["reached"] != 30.0 || s["left"] != 0.0 {
		t.Errorf("of 30 torrents: %v", s)
	}
	names := ""
	for _, m := range s["moments"].([]any) {
		m := m.(map[string]any)
		names += m["name"].(string) + " "
		if m["shared"] != 30.0 || m["goroutines"].(float64) <= 0 {
			t.Errorf("moment %v", m)
		}
		if m["name"] == "active" && m["awake"].(float64) < 2 {
			t.Errorf("2 are downloaded, and awake are %v", m["awake"])
		}
	}
	if names != "up announced idle active " {
		t.Errorf("moments: %s", names)
	}
}
