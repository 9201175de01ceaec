//go:build race

package swarm_test

// raceDetector says that sync.Pool lets go of things at random, to find races. One goroutine alone has none.
const raceDetector = true
