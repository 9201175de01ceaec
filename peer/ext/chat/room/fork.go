package room

import (
	"slices"

	"p2p/peer/identity"
)

// withdrawn reports whether an event of that device and number does not count because
// the device has signed two histories.
func (r *Room) withdrawn(device identity.Key, seq uint64) bool {
	f, forked := r.forks[device]
	return forked && seq >= f.seq
}

// Keep has the Room take in what devices of an account wrote that was withdrawn, which it drops otherwise: it is what its person has to
// say again.
func (r *Room) Keep(account identity.Key) { r.kept = account }

// maxBack is how many events of one device are given back at once.
const maxBack = 4096

// after returns up to n events of a device behind a number, as they came here first.
func (r *Room) after(device identity.Key, seq uint64, n int) (all []Meta) {
	for len(all) < n {
		seq++
		m, ok := r.index.At(device, seq)
		if !ok {
			break
		}
		all = append(all, m)
	}
	return all
}

// Recall returns what asks the other member for all that he has of a device of this account behind the place where its log splits:
// nobody passes that on, as it does not count. A member whose program does not know that sends the event of the proof alone.
func (s *Session) Recall(p *Proof) Message { return Message{Want: []ID{p.A.ID, p.B.ID}} }

// Forks returns the proofs against devices, each where its log first splits as far as is known.
func (r *Room) Forks() []Proof {
	var all []Proof
	for _, f := range r.forks {
		all = append(all, f.proof)
	}
	slices.SortFunc(all, func(a, b Proof) int { return a.A.Author.Compare(b.A.Author) })
	return all
}

// proofOf returns the proof that two events of one device, number and predecessor
// are. When their predecessors differ too, the log splits further down: the
// predecessors are asked for, as those of every event are, until the split is found.
func proofOf(a, b Event) Proof {
	if a.Compare(&b) > 0 {
		a, b = b, a
	}
	return Proof{a, b}
}

// Prove takes a proof that somebody else has found.
func (r *Room) Prove(p Proof) (Outcome, error) {
	a, b := &p.A, &p.B
	if a.Author != b.Author || a.Seq != b.Seq || a.Prev != b.Prev || a.ID == b.ID {
		return Outcome{}, ErrMalformed
	}
	for _, e := range []*Event{a, b} {
		if e.Kind == Create && e.ID != r.id || e.Kind != Create && e.Room != r.id {
			return Outcome{}, ErrOtherRoom
		}
	}
	if _, joined := r.accounts[a.Author]; !joined && a.Seq > 1 {
		return Outcome{}, ErrStranger // nothing of him counts anyway
	}
	var out Outcome
	r.condemn(p, &out)
	return out, nil
}

// condemn withdraws what a device wrote from the fork on. Of several forks the first
// counts: it is the one that all will find.
func (r *Room) condemn(p Proof, out *Outcome) {
	device, seq := p.A.Author, p.A.Seq
	if f, known := r.forks[device]; known && f.seq <= seq {
		return
	}
	r.forks[device] = fork{seq, p}
	r.forgetStates()
	out.Proofs = append(out.Proofs, p)
	out.Recount = true
	r.held.wake(device)
}
