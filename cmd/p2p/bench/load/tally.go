package load

// Tally is what was asked and what came of it. The counts of requests and
// answers are of the time that was measured; Lost also has what was asked then
// and never answered. It is for one goroutine.
type Tally struct {
	Sent     [kinds]int64 // requests by kind
	Answered [kinds]int64 // answers that were understood

	Errors    int64 // the tracker said that it would not
	Malformed int64 // answers that are none, or to something else than was asked
	Stray     int64 // answers whose transaction nobody had begun
	Late      int64 // answers after we had given up waiting, and second answers
	Lost      int64 // requests without an answer
	Refused   int64 // times that the system said that nobody is there, or hung up
	Reopened  int64 // HTTP: connections that the tracker closed without saying so

	Empty    int64 // announces that were told of no peer
	Deprived int64 // those of them in whose torrent there was somebody to be told of
	Peers    int64 // that all announces were told of

	BytesOut int64 // of announces, without the headers of IP, UDP and TCP
	BytesIn  int64 // of their answers

	Heard int64 // all that arrived, measured or not

	Latency Histogram // of what was answered
}

// Total returns how many answers were understood, of all kinds.
func (t *Tally) Total() int64 { return sum(t.Answered) }

// Asked returns how many requests were sent, of all kinds.
func (t *Tally) Asked() int64 { return sum(t.Sent) }

// Merge adds what o has counted.
func (t *Tally) Merge(o *Tally) {
	for k := range kinds {
		t.Sent[k] += o.Sent[k]
		t.Answered[k] += o.Answered[k]
	}
	for _, pair := range [][2]*int64{
		{&t.Errors, &o.Errors}, {&t.Malformed, &o.Malformed}, {&t.Stray, &o.Stray}, {&t.Late, &o.Late},
		{&t.Lost, &o.Lost}, {&t.Refused, &o.Refused}, {&t.Reopened, &o.Reopened}, {&t.Empty, &o.Empty}, {&t.Deprived, &o.Deprived},
		{&t.Peers, &o.Peers}, {&t.Heard, &o.Heard}, {&t.BytesOut, &o.BytesOut}, {&t.BytesIn, &o.BytesIn},
	} {
		*pair[0] += *pair[1]
	}
	t.Latency.Merge(&o.Latency)
}

func sum(n [kinds]int64) int64 { return n[Connect] + n[Announce] + n[Scrape] }
