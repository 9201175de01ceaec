//go:build race

package torrentfile_test

const raceDetector = true
