package tracker

import "errors"

// NewCounters returns further counters, which count for s as its own do. A front
// that runs on a core of its own takes some, so that no two cores write to one
// cache line for every packet; see Request.Counters. They are never given back.
func (s *Service) NewCounters() *Counters {
	c := new(struct {
		Counters
		_ [128]byte // keeps what lies behind them on other cache lines
	})
	s.moreMu.Lock()
	defer s.moreMu.Unlock()
	s.more = append(s.more, &c.Counters)
	return &c.Counters
}

// countersOf returns c, or the Service's own counters for nil.
func (s *Service) countersOf(c *Counters) *Counters {
	if c == nil {
		return &s.counters
	}
	return c
}

// totals reads all counters.
func (s *Service) totals() Totals {
	t := s.counters.read()
	s.moreMu.Lock()
	defer s.moreMu.Unlock()
	for _, c := range s.more {
		t.add(c.read())
	}
	return t
}

func (c *Counters) read() Totals {
	t := Totals{
		Connects: c.Connects.Load(), Malformed: c.Malformed.Load(), Unverified: c.Unverified.Load(), Dropped: c.Dropped.Load(),
	}
	for i := range c.RefusedFor {
		t.RefusedFor[i] = c.RefusedFor[i].Load()
	}
	for i := range c.Announces {
		t.Announces[i], t.Scrapes[i] = c.Announces[i].read(), c.Scrapes[i].read()
		t.Refused += t.Announces[i].Refused + t.Scrapes[i].Refused
		t.Failed += t.Announces[i].Failed + t.Scrapes[i].Failed
	}
	t.AnnouncesHTTP, t.AnnouncesUDP = t.Announces[HTTP].all(), t.Announces[UDP].all()
	t.ScrapesHTTP, t.ScrapesUDP = t.Scrapes[HTTP].all(), t.Scrapes[UDP].all()
	return t
}

func (r *Results) read() ResultTotals {
	return ResultTotals{r.Answered.Load(), r.Refused.Load(), r.Failed.Load()}
}

func (t *Totals) add(o Totals) {
	t.AnnouncesHTTP += o.AnnouncesHTTP
	t.AnnouncesUDP += o.AnnouncesUDP
	t.ScrapesHTTP += o.ScrapesHTTP
	t.ScrapesUDP += o.ScrapesUDP
	t.Connects += o.Connects
	t.Refused += o.Refused
	t.Failed += o.Failed
	t.Malformed += o.Malformed
	t.Unverified += o.Unverified
	t.Dropped += o.Dropped
	for i := range t.RefusedFor {
		t.RefusedFor[i] += o.RefusedFor[i]
	}
	for i := range t.Announces {
		t.Announces[i].add(o.Announces[i])
		t.Scrapes[i].add(o.Scrapes[i])
	}
}

func (t *ResultTotals) add(o ResultTotals) {
	t.Answered += o.Answered
	t.Refused += o.Refused
	t.Failed += o.Failed
}

// count counts a request that ended with err. Of is its counters.
func (c *Counters) count(of *Results, err error) {
	if err == nil {
		of.Answered.Add(1)
	} else if refusal, ok := errors.AsType[*Refusal](err); ok {
		of.Refused.Add(1)
		c.RefusedFor[refusal.Cause%Causes].Add(1)
	} else {
		of.Failed.Add(1)
	}
}

// isRefusal reports whether err says everything by itself. It is passed on as it
// is: a flood of what is refused is not to cost an allocation each.
func isRefusal(err error) bool {
	_, ok := err.(*Refusal)
	return ok
}
