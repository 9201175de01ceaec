//go:build race

package swarm_test

// raceDetector says that sync.Pool lets go of things at random, to find races.
const raceDetector = true
