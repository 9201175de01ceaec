package swarm

// recent is a set of the newest max that were added: what strangers can make us
// remember is bounded. It is pure.
type recent[T comparable] struct {
	max   int
	set   map[T]bool
	order []T // a ring when it is full
	next  int // the oldest in it
}

func newRecent[T comparable](max int) *recent[T] { return &recent[T]{max: max, set: make(map[T]bool)} }

func (r *recent[T]) has(x T) bool { return r.set[x] }

// add adds x. When there are too many, the oldest is forgotten.
func (r *recent[T]) add(x T) {
	if r.set[x] {
		return
	}
	r.set[x] = true
	if len(r.order) < r.max {
		r.order = append(r.order, x)
		return
	}
	delete(r.set, r.order[r.next])
	r.order[r.next] = x
	r.next = (r.next + 1) % r.max
}
