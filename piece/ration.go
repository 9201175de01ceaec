package piece

// Constants of the ration.
const (
	// firstBlocks is how many blocks a peer is asked for that has not sent any.
	// Each one that comes adds two, until provenBlocks have come: a hundred
	// slow peers that join at once would otherwise hold much memory before it
	// is known that they are slow. A connection whose TCP has just begun is not
	// held up by this; its first round trip carries less than one block.
	firstBlocks  = 8
	provenBlocks = 4
	// rationMin is the smallest ration: what fits the smallest budget.
	rationMin = 4 * SpanBlocks
	// epochMin and epochMax bound how many arrivals an epoch lasts, which is
	// otherwise as long as it takes for all rationed memory to turn over once.
	// With many accounts it is longer, epochEach for each, to spread the work.
	epochMin, epochMax = 64, 4096
	epochEach          = 1
	// idleMax is after how many epochs in which a peer did not draw its account
	// is closed.
	idleMax = 16
	// plenty is more blocks than any peer is asked for.
	plenty = 1 << 20
)

// account is what the ration knows of one peer that draws.
type account struct {
	own    *Assembly // the piece that the peer goes on with
	next   Index     // what it was about to begin when memory was refused, if denied
	denied bool
	out    int  // blocks that it is asked for
	weight int  // blocks that it sent, of which half are forgotten in every epoch
	sent   int  // blocks that it sent, counted up to provenBlocks
	idle   int  // epochs since it drew
	poor   bool // its share was less than one block when it last drew
}

// proven reports whether the peer has shown how fast it is.
func (a *account) proven() bool { return a.sent >= provenBlocks }

// ration shares out scarce memory among the peers. Each block that a peer is
// asked for holds memory until it comes, and with it the rest of its span. Left
// to themselves, the slow peers of a swarm hold nearly all memory nearly all of
// the time, and a fast peer that could do the work alone gets none. So once the
// budget has refused, each peer may be asked for no more than
//
//	1/8 of the ration divided by the number of peers
//	+ 4/5 of the ration in proportion to what the peer lately sent
//
// where the ration is how much memory there turned out to be, and only peers
// count that are asked for something. Those for whom that is less than a block
// may be asked for one each; but when together they have more than they are due,
// only for blocks that have memory already, unless they are new. There is no
// clock in this: its time is the arrival of blocks.
type ration struct {
	accounts map[PeerKey]*account
	blocks   int  // what may be asked for in all; 0 = the budget has never refused
	held     int  // blocks of the spans that hold memory and are not complete
	arrived  int  // blocks in this epoch
	refused  bool // the budget has refused in this epoch

	// What follows is summed up from the accounts that are asked for something.
	busy   int
	weight int
	poor   struct{ out, weight int } // of those that are poor
}

// account returns the account of p, who is about to draw or has sent a block.
func (r *ration) account(p PeerKey) *account {
	a := r.accounts[p]
	if a == nil {
		a = &account{}
		r.accounts[p] = a
	}
	a.idle = 0
	return a
}

// sum adds sign times what a stands for to the sums. It is called before an
// account changes with -1, and afterwards with 1.
func (r *ration) sum(a *account, sign int) {
	if a.out == 0 {
		return
	}
	r.busy += sign
	r.weight += sign * a.weight
	if a.poor {
		r.poor.out += sign * a.out
		r.poor.weight += sign * a.weight
	}
}

// lend counts n more blocks as asked of a peer, or fewer.
func (r *ration) lend(a *account, n int) {
	r.sum(a, -1)
	a.out += n
	r.sum(a, 1)
}

// allows returns how many more blocks a peer that is about to draw may be asked
// for, and whether new memory may be reserved for them.
func (r *ration) allows(a *account) (blocks int, memory bool) {
	limit, memory := plenty, true
	if !a.proven() {
		limit = firstBlocks + 2*a.sent
	}
	if r.blocks > 0 {
		r.sum(a, -1)
		share := r.blocks/8/(r.busy+1) + r.due(a.weight, a.weight)
		a.poor = share == 0
		r.sum(a, 1)
		limit = min(limit, max(share, 1))
		memory = !a.poor || !a.proven() || r.poor.out <= r.blocks/8+r.due(r.poor.weight, 0)
	}
	return limit - a.out, memory
}

// due returns the part of the ration for those who sent so much, when more is
// to be added to what all have sent.
func (r *ration) due(weight, more int) int {
	all := max(r.weight+more, 1)
	return int(int64(r.blocks) * 4 / 5 * int64(weight) / int64(all))
}

// slow reports whether a peer sends less than the average of those who are asked
// for something.
func (r *ration) slow(a *account) bool { return a.weight*r.busy < r.weight }

// refuse learns from a refusal of the budget, once in an epoch: the ration is
// somewhat less than what holds memory now. That may be little for a moment only,
// because the disk is behind; so the ration does not fall below half at once.
func (r *ration) refuse() {
	if r.refused {
		return
	}
	r.refused = true
	if r.blocks == 0 {
		r.blocks = r.held
	}
	r.blocks = max(min(r.held, r.blocks)*7/8, r.blocks/2, rationMin)
}

// arrive counts a block that p sent.
func (r *ration) arrive(p PeerKey) {
	a := r.account(p)
	r.sum(a, -1)
	a.weight++
	r.sum(a, 1)
	a.sent = min(a.sent+1, provenBlocks)
	r.arrived++
	if r.arrived >= max(min(max(r.blocks, epochMin), epochMax), epochEach*len(r.accounts)) {
		r.turn()
	}
}

// turn begins a new epoch. If memory was enough in the old one, there may be
// more of it.
func (r *ration) turn() {
	if !r.refused {
		r.blocks = min(r.blocks+r.blocks/4, plenty)
	}
	r.arrived, r.refused = 0, false
	for p, a := range r.accounts {
		r.sum(a, -1)
		a.weight /= 2
		r.sum(a, 1)
		if a.idle++; a.idle > idleMax && a.out == 0 {
			delete(r.accounts, p)
		}
	}
}
