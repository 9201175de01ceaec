package storetest

import (
	"slices"
	"testing"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
)

// checkSurvey compares what a survey of s finds with m, if s makes surveys.
func checkSurvey(t *testing.T, s tracker.Store, m model) {
	t.Helper()
	surveyor, ok := s.(tracker.Surveyor)
	if !ok {
		return
	}
	var want [tracker.SizeClasses]int
	var sizes []int
	for _, sw := range m {
		if n := len(sw.peers); n > 0 {
			want[tracker.SizeClass(n)]++
			sizes = append(sizes, n)
		}
	}
	slices.Sort(sizes)
	slices.Reverse(sizes)
	for _, top := range []int{0, 1, 3, tracker.MaxTopSwarms} {
		survey, err := surveyor.Survey(t.Context(), top)
		if err != nil {
			t.Fatalf("Survey: %v", err)
		}
		if survey.Sizes != want {
			t.Errorf("a survey finds the sizes %v, want %v", survey.Sizes, want)
		}
		var got []int
		seen := make(map[infohash.T]bool)
		for _, h := range survey.Largest {
			if seen[h] || m[h] == nil {
				t.Fatalf("a survey names %v, twice or of nobody", h)
			}
			seen[h] = true
			got = append(got, len(m[h].peers))
		}
		if most := sizes[:min(top, len(sizes))]; !slices.Equal(got, most) {
			t.Errorf("the %d largest swarms are of %v, want %v", top, got, most)
		}
	}
}
