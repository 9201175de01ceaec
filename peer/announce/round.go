package announce

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"p2p/tracker/wire"
)

// patience is how long a round waits for one tracker before it asks the next
// one too. Longer than the answer of a tracker that works, one lost packet
// included; far shorter than answerWithin.
const patience = 5 * time.Second

// errSilent is why a tracker failed that was overtaken by the next.
var errSilent = fmt.Errorf("no answer within %d s", patience/time.Second)

// round asks the trackers that are due, in the order of BEP 12, until one has
// answered, and sets the time of the next round.
func (a *Announcer) round(ctx context.Context) {
	now := time.Now()
	due := a.askable(now)
	a.rounds++
	var winner *Response // the first answer
	others, downloading := 0, false
	asked := make([]Request, len(due))
	race(ctx, len(due), patience,
		func(i int) func(context.Context) (Response, error) {
			r := a.request(due[i])
			asked[i] = r
			downloading = r.Left > 0
			due[i].Asking, due[i].asked = true, time.Now()
			a.publish()
			return func(ctx context.Context) (Response, error) { return a.client.Announce(ctx, due[i].URL, r) }
		},
		func(i int, resp Response, err error) bool {
			due[i].Asking = false
			defer a.publish()
			if err != nil {
				a.failed(due[i], err)
				return false
			}
			a.answered(due[i], asked[i].Event, resp)
			if winner == nil {
				winner = &resp
			}
			if len(resp.Peers) > 0 {
				others += a.torrent.Found(ctx, due[i].URL, resp)
			}
			return others > 0 || !downloading || !a.client.o.AskOnWhenAlone
		})
	if ctx.Err() != nil {
		return
	}
	waited := now.Sub(a.ended)
	a.ended = time.Now()
	if winner == nil {
		a.interval = 0
		a.next = a.tiers.earliest(func(*tracker) bool { return true })
		return
	}
	switch {
	case a.interval == 0: // the first answer, or the first after a failure
	case waited >= a.interval:
		a.early, a.renewals = 0, 0
	case a.renewing(now):
		a.early = 0
		a.renewals++
	default:
		a.early++
	}
	if a.renewing(now) {
		a.renewal, a.renewed = time.Time{}, a.ended
	}
	a.interval = regular(*winner)
	if downloading && others == 0 {
		a.alone++
	} else {
		a.alone = 0
	}
	a.plan()
}

// askable returns the trackers that may be asked now, in the order of BEP 12, but
// first those whose hosts are not known to be down.
func (a *Announcer) askable(now time.Time) []*tracker {
	due := a.onWatch(now, a.tiers.due(now, a.owes))
	if len(due) > 1 {
		down := func(t *tracker) int {
			if a.client.standing.down(t.host, now) {
				return 1
			}
			return 0
		}
		slices.SortStableFunc(due, func(x, y *tracker) int { return down(x) - down(y) })
	}
	return due
}

// request returns the announce for t. Every tracker hears started first, so
// that it counts us, and completed once, whichever of them it is.
func (a *Announcer) request(t *tracker) Request {
	r := a.torrent.Snapshot()
	r.TrackerID = t.id
	switch {
	case !t.started:
		r.Event = wire.Started
	case a.owes:
		r.Event = wire.Completed
	default:
		r.Event = wire.None
	}
	return r
}

// answered notes that t answered an announce with event.
func (a *Announcer) answered(t *tracker, event wire.Event, resp Response) {
	if event == wire.Completed {
		a.owes = false
	}
	if a.client.standing.answered(t.host) {
		a.client.o.Back(t.host)
		a.signals.And(^doubted) // that one knows of this torrent now
	}
	t.started = true
	t.round = a.rounds
	t.Answered = time.Now()
	t.hold = t.Answered.Add(shortest(resp))
	if t.allows, t.Least = resp.MinInterval > 0, regular(resp); t.allows {
		t.Least = shortest(resp)
	}
	t.Err, t.Refused, t.Failures = "", "", 0
	t.Peers, t.Seeders, t.Leechers, t.Warning = len(resp.Peers), resp.Seeders, resp.Leechers, resp.Warning
	t.External = resp.External
	if resp.TrackerID != "" {
		t.id = resp.TrackerID
	}
	a.tiers.promote(t)
}

// failed notes that an announce to t failed. One that we broke off because
// another tracker had answered counts if we had waited for it long enough.
func (a *Announcer) failed(t *tracker, err error) {
	if errors.Is(err, context.Canceled) {
		if time.Since(t.asked) < patience {
			return
		}
		err = errSilent
	}
	t.Failures++
	t.Err, t.Refused = err.Error(), ""
	wait := backOff(t.Failures, a.rng)
	refusal, refused := errors.AsType[*Refusal](err)
	if refused {
		t.Refused = refusal.Reason
		a.client.standing.answered(t.host)
		wait = max(wait, min(refusal.RetryIn, latestRetry))
		t.never = refusal.Never
	} else {
		a.client.standing.failed(t.host, t.asked, time.Now(), err)
	}
	t.hold = time.Now().Add(wait)
	if t.Next = t.hold; t.never {
		t.Next = time.Time{}
	}
	if t.Failures == 1 && !t.Answered.IsZero() {
		a.client.log.Warn("tracker does not answer any more",
			zap.String("tracker", t.host), zap.Stringer("torrent", a.hash), zap.Error(err))
	}
}

// plan sets the time of the round after one that was answered.
func (a *Announcer) plan() {
	wait := a.interval
	switch {
	case a.owes: // the winner was new to us and heard started; completed comes next
		wait = 0
	case a.alone > 0 && a.alone <= maxAlone:
		wait = min(wait, early(aloneAfter, a.alone-1))
	}
	a.next = a.ended.Add(wait)
	if !a.renewal.IsZero() {
		a.next = earlier(a.next, a.renewal)
	}
	if held := a.tiers.earliest(a.inLastRound); !a.owes && a.next.Before(held) {
		a.next = held
	}
	a.keepWatch()
	a.show()
}

// inLastRound reports whether t answered in the last round.
func (a *Announcer) inLastRound(t *tracker) bool { return t.round == a.rounds }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// show puts the time of the next round in front of the user.
func (a *Announcer) show() {
	for _, t := range a.tiers.all() {
		switch {
		case t.never:
			t.Next = time.Time{}
		case a.inLastRound(t):
			t.Next = a.next
		case t.Failures == 0:
			t.Next = time.Time{}
		}
	}
}

// hurry moves the next round forward because the swarm needs peers. A tracker
// that does not answer is not asked more often for it.
func (a *Announcer) hurry() {
	if a.interval == 0 {
		return
	}
	soon := a.ended.Add(min(early(needAfter, a.early), a.interval))
	if held := a.tiers.earliest(a.inLastRound); soon.Before(held) {
		soon = held
	}
	if soon.Before(a.next) {
		a.next = soon
		a.show()
	}
}

// renew has a round come because trackers may not know what is so. One that does not answer is not asked more often for
// it: it is told when it does.
func (a *Announcer) renew() {
	if a.interval == 0 || !a.renewal.IsZero() {
		return
	}
	a.renewal = time.Now()
	if !a.renewed.IsZero() {
		a.renewal = later(a.renewal, a.renewed.Add(min(early(renewEvery, max(a.renewals-1, 0)), a.interval)))
	}
	a.renewal = a.renewal.Add(time.Duration(a.rng.Int64N(int64(renewWithin))))
	if soon := later(a.renewal, a.tiers.earliest(a.inLastRound)); soon.Before(a.next) {
		a.next = soon
		a.show()
	}
}

// renewing reports whether a round that begins now is the one that Again asked for.
func (a *Announcer) renewing(now time.Time) bool {
	return !a.renewal.IsZero() && !now.Before(a.renewal)
}

// keepWatch moves the next round forward to when the first tracker may be asked that allows Watch.
func (a *Announcer) keepWatch() {
	if a.interval == 0 || !a.watches() {
		return
	}
	for _, t := range a.tiers.all() {
		if t.allows && t.Failures == 0 {
			a.next = earlier(a.next, a.watchAt(t))
		}
	}
	a.show()
}

// watches reports whether there is a tracker that allows Watch, and somebody who wants it.
func (a *Announcer) watches() bool {
	return a.watching.Load() > 0 && slices.ContainsFunc(a.tiers.all(), func(t *tracker) bool { return t.allows && t.Failures == 0 })
}

// watchAt returns when t, which has answered, is asked again where others are watched.
func (a *Announcer) watchAt(t *tracker) time.Time {
	if !t.allows {
		return t.Answered.Add(t.Least)
	}
	return t.Answered.Add(max(t.Least, time.Duration(a.watching.Load())))
}

// onWatch leaves those out of due that are asked at their interval only, when it is others that are watched.
func (a *Announcer) onWatch(now time.Time, due []*tracker) []*tracker {
	if a.owes || !a.watches() || !slices.ContainsFunc(due, func(t *tracker) bool { return t.allows }) {
		return due
	}
	return slices.DeleteFunc(due, func(t *tracker) bool { return t.started && t.Failures == 0 && !t.allows && a.watchAt(t).After(now) })
}

// finish notes that the download is complete and has the trackers told.
func (a *Announcer) finish() {
	if a.complete {
		return
	}
	a.complete, a.owes = true, true
	a.next = time.Now()
}

// forgive forgets every back-off and has us announced from where we are now.
func (a *Announcer) forgive() {
	a.client.standing.forget()
	for _, t := range a.tiers.all() {
		t.Failures, t.hold = 0, time.Time{}
	}
	a.early, a.alone = 0, 0
	if soon := a.ended.Add(changeAfter); a.next.IsZero() || soon.Before(a.next) {
		a.next = soon
	}
	a.show()
}
