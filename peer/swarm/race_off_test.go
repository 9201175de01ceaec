//go:build !race

package swarm_test

const raceDetector = false
