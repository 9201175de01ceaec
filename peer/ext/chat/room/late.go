package room

// late is what a session knows of bodies that come after their events.
type late struct {
	limit Position      // from where on this member may have bodies
	at    Position      // what stands before was asked for, or is not to be
	idle  bool          // nothing has changed since nothing more could be asked for
	asked map[ID]uint32 // and not answered, with the lengths of the bodies,
	bytes int           // which are these in all
	owed  map[ID]bool   // what the other member has asked for, and did not get
}

func newLate() late { return late{asked: make(map[ID]uint32), owed: make(map[ID]bool)} }

// fill takes the body of an event that is in the room without it. belongs has checked that it is the one that was signed.
func (r *Room) fill(e *Event, body []byte) (out Outcome) {
	if body != nil && e.Kind >= Content && r.index.Fill(e, body) {
		out.Filled = append(out.Filled, e.ID)
	}
	return out
}

// bare notes that an event came without its body.
func (o *Outcome) bare(at Position) {
	if o.Bare == (Position{}) || at.Less(o.Bare) {
		o.Bare = at
	}
}

// Ask returns what asks the other member for bodies that this one lacks and may have, in their order; no more at a time
// than a batch has. Limit says from where on it may have any, and whether it may; it is called only when there may be
// something to ask for. Ask is called when an outcome has been committed, of one session at a time, or all are sent the same.
//
// An event is asked for once in a session. He who does not have its body sends it when he gets it; else the next session asks.
// As each of the two knows then what the other does of who may have what, a refusal is none that the other end takes back.
func (s *Session) Ask(limit func() (Position, bool)) []Message {
	l := &s.late
	if l.idle || !s.met || !s.even() {
		return nil
	}
	l.idle = true
	from, may := limit()
	if !may {
		return nil
	}
	if from.Less(l.limit) && from.Less(l.at) { // the room has become more generous
		l.at = from
	}
	if l.limit = from; l.at.Less(from) {
		l.at = from
	}
	ids := s.lacking()
	var asks []Message
	for len(ids) > 0 {
		n := min(len(ids), maxWant)
		asks, ids = append(asks, Message{Want: ids[:n:n]}), ids[n:]
	}
	return asks
}

// lacking returns what is to be asked for next, and notes that it is.
func (s *Session) lacking() (ids []ID) {
	l := &s.late
	for stop := false; !stop && l.at != End; {
		all := s.room.index.Lacking(l.at, maxBatch+1)
		l.at = End
		for i := range all {
			m := &all[i]
			if i == maxBatch {
				l.at = m.Position()
				break
			}
			if _, asked := l.asked[m.ID]; asked || !s.room.Counts(m) {
				continue
			}
			if stop = len(l.asked) >= maxBatch || l.bytes >= maxBatchBytes || s.theirs[m.Author] < m.Seq; stop {
				l.at = m.Position()
				break
			}
			l.asked[m.ID] = m.BodyLen
			l.bytes += int(m.BodyLen)
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// even reports whether this member has all that the other has told of, and he all changes that are here: both agree on
// what this one may have.
func (s *Session) even() bool {
	for device, seq := range s.theirs {
		if _, forked := s.room.forks[device]; !forked && s.room.marks[device].Seq < seq {
			return false
		}
	}
	for _, id := range s.room.current.tips {
		e := &s.room.acts[id].event
		if s.theirs[e.Author] < e.Seq && !s.room.withdrawn(e.Author, e.Seq) {
			return false
		}
	}
	return true
}

// Asking reports whether something that Ask has asked for was not answered yet.
func (s *Session) Asking() bool { return len(s.late.asked) > 0 }

// answered takes an event as the answer to Ask, and reports whether it is one.
func (l *late) answered(id ID) bool {
	n, asked := l.asked[id]
	delete(l.asked, id)
	l.bytes -= int(n)
	return asked
}

// owe notes that the other member has asked for a body in vain.
func (l *late) owe(id ID) {
	if len(l.owed) < maxAsked {
		l.owed[id] = true
	}
}

// pay returns those of the bodies that have come now that he has asked for.
func (s *Session) pay(filled []ID) (messages []Message) {
	var due []ID
	for _, id := range filled {
		if s.late.owed[id] {
			delete(s.late.owed, id)
			due = append(due, id)
		}
	}
	for len(due) > 0 {
		n := min(len(due), maxWant)
		messages, due = append(messages, s.give(due[:n])...), due[n:]
	}
	return messages
}

// news notes what an outcome changes in what is to be asked for.
func (l *late) news(out *Outcome) {
	l.idle = l.idle && out.Bare == (Position{}) && !out.Recount
	if out.Bare != (Position{}) && out.Bare.Less(l.at) {
		l.at = out.Bare
	}
}
