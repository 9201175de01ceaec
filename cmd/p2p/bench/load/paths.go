package load

import "iter"

// Paths yields n paths with queries of requests as HTTP sends them to the first
// tracker of o, for generators of other makers. A path is valid until the next.
func Paths(o Options, n int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if o.complete() != nil {
			return
		}
		o.Mix[Connect] = 0
		clients := make([]*client, o.Population.crowd.Sources)
		for i := range clients {
			clients[i] = newClient(o, i*len(o.Trackers), len(clients))
			clients[i].source, clients[i].share = i, o.Population.of(i)
		}
		for i := range n {
			c := clients[i%len(clients)]
			kind, peer, _ := c.draw()
			c.request = c.appendPath(c.request[:0], kind, peer)
			if !yield(c.request) {
				return
			}
		}
	}
}
