package room

import (
	"container/heap"
	"slices"

	"p2p/peer/identity"
)

// Bounds of a message between members, and of what is on its way.
const (
	maxBatch      = 256       // events
	maxBatchBytes = 256 << 10 // of bodies
	maxWant       = 64        // ids
	maxFlight     = 4         // batches that are not answered yet
	maxAsked      = 4096      // ids that one member was asked for
)

// Message is what two members of a room say to each other. One of the fields is set, but for Marks, which
// comes with Hello or Ack, or alone: then it says what is here, and others need not send it.
type Message struct {
	// Hello begins, and is repeated when something seems to be missing: all marks
	// and forks of who says it.
	Hello bool
	More  bool // of a Hello: the rest of the marks follow in the next one
	Marks map[identity.Key]Mark
	Forks map[identity.Key]uint64

	Events []Sent
	// Ack answers a message with Events, with the marks of their devices. Known says that none of them was
	// news.
	Ack    bool
	Known  bool
	Want   []ID // events that are missing, or whose bodies are
	Proofs []Proof
}

// Sent is an event with its body, nil when it is withheld or gone.
type Sent struct {
	Event Event
	Body  []byte
}

// Bodies gives the bodies of events to members: nil for one that the member is not to see, or
// that was deleted.
type Bodies func(m *Meta) []byte

// Session brings this member and one other to the same events, for as long as they are connected.
// It is for the goroutine of its Room.
type Session struct {
	// Kin is the account of the other member: what a device of it wrote after it had signed two histories is given back to it when it
	// asks for one of the events that prove that (Recall). Zero for nobody's.
	Kin identity.Key

	room   *Room
	bodies Bodies
	from   uint64       // tells sources apart
	own    identity.Key // of this device

	met    bool
	theirs map[identity.Key]uint64 // what they have for sure
	sent   map[identity.Key]uint64 // what they have when all on its way arrives
	stuck  map[identity.Key]uint64 // marks that did not move although more was sent
	flight int
	asked  map[ID]bool
	spare  map[identity.Key]bool   // devices whose events reach the other member sooner on another way
	left   map[identity.Key]uint64 // what of those was left to others at the last Leave
	had    map[identity.Key]uint64 // what of those he was told to be here
	lags   map[identity.Key]uint64 // what he has sent and what waits for its causes, so that its ack did not cover it
	late   late
}

// NewSession returns the session with a member that has just been connected to.
// from is a number that no other session of the room has, own is this device.
func NewSession(r *Room, own identity.Key, from uint64, bodies Bodies) *Session {
	return &Session{
		room: r, own: own, bodies: bodies, from: from, theirs: make(map[identity.Key]uint64), sent: make(map[identity.Key]uint64),
		stuck: make(map[identity.Key]uint64), asked: make(map[ID]bool), spare: make(map[identity.Key]bool), left: make(map[identity.Key]uint64), had: make(map[identity.Key]uint64),
		lags: make(map[identity.Key]uint64), late: newLate(),
	}
}

// Hello returns what is said first: one message, or more in a room of thousands of devices.
func (s *Session) Hello() []Message {
	forks := make(map[identity.Key]uint64, len(s.room.forks))
	for device, f := range s.room.forks {
		if forks[device] = f.seq; len(forks) == maxMarks {
			break // the others know all the same; they say so once more
		}
	}
	var parts []Message
	part := Message{Hello: true, Marks: make(map[identity.Key]Mark)}
	for device, mark := range s.room.Clock() {
		if len(part.Marks) == maxMarks {
			part.More = true
			parts = append(parts, part)
			part = Message{Hello: true, Marks: make(map[identity.Key]Mark)}
		}
		part.Marks[device] = mark
	}
	part.Forks = forks
	return append(parts, part)
}

// Close ends the session.
func (s *Session) Close() { s.room.Forget(s.from) }

// Handle takes a message of the other member, and returns what has changed and what is to be
// answered once that is committed. After an error the connection is to be ended.
func (s *Session) Handle(m Message) (Outcome, []Message, error) {
	var out Outcome
	var answers []Message
	s.late.idle = s.late.idle && s.late.at == End // what he says may let this member ask on
	for i := range m.Proofs {
		changed, err := s.room.Prove(m.Proofs[i])
		if err != nil && err != ErrStranger { //nolint:errorlint // Prove wraps nothing
			return out, nil, err
		}
		out.Add(changed)
	}
	known := true
	for i := range m.Events {
		e := &m.Events[i].Event
		known = !s.late.answered(e.ID) && known && e.Seq <= s.room.Mark(e.Author).Seq
		changed, err := s.room.Receive(m.Events[i].Event, m.Events[i].Body, s.from)
		out.Add(changed)
		if err != nil {
			return out, nil, err
		}
		known = known && len(changed.Filled) == 0 // he knew better what is news
		s.has(e.Author, e.Seq)                    // who sends it need not be sent it
	}
	if len(m.Events) > 0 {
		ack := s.ack(m.Events)
		ack.Known = known
		answers = append(answers, ack)
	}
	if m.Ack {
		s.flight = max(0, s.flight-1)
	}
	switch {
	case m.Hello || m.Ack:
		answers = append(answers, s.meet(m)...)
	case len(m.Marks) > 0:
		for device, mark := range m.Marks {
			s.has(device, mark.Seq)
		}
	}
	if m.Known {
		for device := range m.Marks {
			if device != s.own {
				s.spare[device] = true
			}
		}
	}
	if len(m.Want) > 0 {
		answers = append(answers, s.give(m.Want)...)
	}
	return out, answers, nil
}

// ack says how far the devices of events are known now.
func (s *Session) ack(events []Sent) Message {
	marks := make(map[identity.Key]Mark)
	for i := range events {
		device, seq := events[i].Event.Author, events[i].Event.Seq
		marks[device] = s.room.Mark(device)
		if seq > marks[device].Seq && len(s.lags) < maxMarks {
			s.lags[device] = max(s.lags[device], seq)
		}
	}
	return Message{Ack: true, Marks: marks}
}

// meet takes the marks of the other member: it notes what he has, asks for what contradicts, and
// passes on proofs that he does not know.
func (s *Session) meet(m Message) []Message {
	var answers []Message
	var strange []ID
	for device, mark := range m.Marks {
		s.note(device, mark, m.Hello)
		if own, ok := s.room.index.At(device, mark.Seq); ok && own.ID != mark.ID && !s.room.withdrawn(device, mark.Seq) {
			s.room.Want(mark.ID)
			strange = append(strange, mark.ID)
		}
	}
	if want := s.want(strange); len(want) > 0 {
		answers = append(answers, Message{Want: want})
	}
	if m.Hello && !m.More {
		s.met = true
		if proofs := s.proofs(m.Forks); len(proofs) > 0 {
			answers = append(answers, Message{Proofs: proofs})
		}
	}
	return answers
}

// note takes how far the other member knows a device.
func (s *Session) note(device identity.Key, mark Mark, hello bool) {
	if !hello && s.flight == 0 && mark.Seq < s.sent[device] {
		if s.theirs[device] == mark.Seq && s.stuck[device] < mark.Seq+1 {
			s.stuck[device] = mark.Seq + 1 // he cannot take it; what he lacks he asks for
		}
		s.sent[device] = mark.Seq
	}
	if hello {
		delete(s.stuck, device)
		s.sent[device] = mark.Seq
	}
	s.theirs[device] = mark.Seq
	s.has(device, mark.Seq)
}

// has notes that the other member has a log up to there, at least.
func (s *Session) has(device identity.Key, seq uint64) {
	s.theirs[device], s.sent[device] = max(s.theirs[device], seq), max(s.sent[device], seq)
	if s.stuck[device] <= seq {
		delete(s.stuck, device)
	}
}

// want returns those of the ids that were not asked for yet.
func (s *Session) want(ids []ID) []ID {
	var want []ID
	for _, id := range ids {
		if len(want) < maxWant && len(s.asked) < maxAsked && !s.asked[id] {
			s.asked[id] = true
			want = append(want, id)
		}
	}
	return want
}

// proofs returns what the other member does not know of liars.
func (s *Session) proofs(known map[identity.Key]uint64) []Proof {
	var proofs []Proof
	for device, f := range s.room.forks {
		if seq, ok := known[device]; !ok || seq > f.seq {
			proofs = append(proofs, f.proof)
		}
	}
	slices.SortFunc(proofs, func(a, b Proof) int { return a.A.Compare(&b.A) })
	return proofs[:min(len(proofs), maxProofs)]
}

// give answers a Want with what is there.
func (s *Session) give(ids []ID) []Message {
	var answers []Message
	var m Message
	bytes := 0
	for _, found := range s.find(ids[:min(len(ids), maxWant)]) {
		body := s.bodies(&found)
		if body == nil && found.Kind >= Content {
			s.late.owe(found.ID)
		}
		m.Events = append(m.Events, Sent{found.Event, body})
		if bytes += len(body); bytes >= maxBatchBytes || len(m.Events) == maxBatch {
			answers, m, bytes = append(answers, m), Message{}, 0
		}
	}
	if len(m.Events) > 0 {
		answers = append(answers, m)
	}
	s.flight += len(answers)
	return answers
}

// find returns the events of a Want that are there, and what is to be given back with them.
func (s *Session) find(ids []ID) (all []Meta) {
	back := make(map[identity.Key]bool)
	for _, id := range ids {
		m, ok := s.room.index.Find(id)
		if !ok {
			continue
		}
		all = append(all, m)
		if f, forked := s.room.forks[m.Author]; forked && m.Seq == f.seq && m.Account == s.Kin && !back[m.Author] {
			back[m.Author] = true
			all = append(all, s.room.after(m.Author, m.Seq, maxBack)...)
		}
	}
	return all
}

// Met reports whether the other member has said how far he knows the room.
func (s *Session) Met() bool { return s.met }

// Stored returns up to which number the other member says that he has stored the events of a device.
func (s *Session) Stored(device identity.Key) uint64 { return s.theirs[device] }

// Have returns a message, or none, that says which events of spare devices are here: so the other member
// does not send them. It is called some time after they came, but well before he calls Reclaim.
func (s *Session) Have() []Message {
	marks := make(map[identity.Key]Mark)
	for device := range s.spare {
		if mark := s.room.Mark(device); mark.Seq > s.had[device] && len(marks) < maxMarks {
			marks[device], s.had[device] = mark, mark.Seq
		}
	}
	if len(marks) == 0 {
		return nil
	}
	return []Message{{Marks: marks}}
}

// Leave notes which events Next leaves to others as things are now, and reports whether there are any.
func (s *Session) Leave() bool {
	clear(s.left)
	for device := range s.spare {
		if seq := s.room.Mark(device).Seq; s.sent[device] < seq {
			s.left[device] = seq
		}
	}
	return len(s.left) > 0
}

// Reclaim ends that for the devices of which the other member still lacks what was left to others at the last Leave: the
// way on which their events reached him sooner is no more. It is called when he had time to say that he has them.
func (s *Session) Reclaim() {
	for device, seq := range s.left {
		if s.sent[device] < seq {
			delete(s.spare, device)
		}
	}
}

// Next returns what else is to be sent now, after what has just happened: proofs that were found, bodies that have come and
// that the other member has asked for, ids that are missing, and events that he lacks, in the order of their causes, as
// long as not too much is on its way. It is called after every Handle and every change of the room.
//
// In a room of n who are all connected everybody would send everybody's events to everybody. So, as in Plumtree
// (Leitao et al. 2007), a member who gets an event that he has says so, and from then on is not
// sent the events of that device but with all, or after Reclaim. What this device wrote itself is never left to others: no
// way is shorter than that from its author.
func (s *Session) Next(out Outcome, all bool) []Message {
	s.late.news(&out)
	messages := append(s.arrived(), s.pay(out.Filled)...)
	if len(out.Proofs) > 0 && s.met {
		messages = append(messages, Message{Proofs: out.Proofs})
	}
	if want := s.want(s.room.Missing(maxWant)); len(want) > 0 {
		messages = append(messages, Message{Want: want})
	}
	for s.met && s.flight < maxFlight {
		batch := s.batch(all)
		if len(batch) == 0 {
			break
		}
		s.flight++
		messages = append(messages, Message{Events: batch})
	}
	return messages
}

// arrived returns a message, or none, that says which events are here now that had to wait when the
// other member sent them: their ack made him believe that they cannot be taken.
func (s *Session) arrived() []Message {
	marks := make(map[identity.Key]Mark)
	for device, seq := range s.lags {
		if mark := s.room.Mark(device); mark.Seq >= seq {
			marks[device] = mark
			delete(s.lags, device)
		}
	}
	if len(marks) == 0 {
		return nil
	}
	return []Message{{Marks: marks}}
}

// batch returns the next events that the other member lacks, causes first.
func (s *Session) batch(all bool) []Sent {
	var logs merge
	for device := range s.room.marks {
		if s.stuck[device] > 0 || s.spare[device] && !all {
			continue
		}
		logs.push(s.room, device, s.sent[device]+1)
	}
	heap.Init(&logs)
	var batch []Sent
	for bytes := 0; len(logs) > 0 && len(batch) < maxBatch && bytes < maxBatchBytes; {
		m := logs[0]
		body := s.bodies(&m)
		batch = append(batch, Sent{m.Event, body})
		bytes += len(body)
		s.sent[m.Author] = m.Seq
		delete(s.spare, m.Author)
		heap.Pop(&logs)
		before := len(logs)
		if logs.push(s.room, m.Author, m.Seq+1); len(logs) > before {
			heap.Fix(&logs, before)
		}
	}
	return batch
}

// merge is the next event of several logs, as a heap.
type merge []Meta

// push puts the event of a device into the heap, if it is one that is passed on.
func (l *merge) push(r *Room, device identity.Key, seq uint64) {
	if seq > r.Mark(device).Seq {
		return
	}
	if m, ok := r.index.At(device, seq); ok {
		*l = append(*l, m)
	}
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (l merge) Len() int           { return len(l) }
func (l merge) Less(i, j int) bool { return l[i].Compare(&l[j].Event) < 0 }
func (l merge) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *merge) Push(m any)        { *l = append(*l, m.(Meta)) }
func (l *merge) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}
