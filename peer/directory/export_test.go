package directory

import (
	"time"

	"p2p/tracker/dirwire"
)

// Cheap makes passwords cost next to nothing.
func (c *Client) Cheap() *Client {
	c.least = dirwire.Cost{Time: 1, Memory: 64, Threads: 1}
	return c
}

// PauseAfter is pauseAfter.
func PauseAfter(failures int, err error, random float64) time.Duration {
	return pauseAfter(failures, err, random)
}
