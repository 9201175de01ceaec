package main

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"p2p/tracker/directory"
	"p2p/tracker/dirwire"
	"p2p/tracker/metrics"
	"p2p/tracker/serve"
)

// openPeople makes the directory of people, and mounts it, unless nobody wants it here.
func (t *trackerService) openPeople(o *serve.Options) error {
	c := t.config
	if !c.people {
		return nil
	}
	d := directory.Options{Ledger: c.kept, Volatile: c.data == "" && !c.clustered(), MaxMemory: c.peopleMemory, MaxWaiting: c.conns() / 4, Log: t.app.log}
	if c.clustered() {
		d.Broadcast = t.node.Broadcast("people")
	}
	var err error
	if t.people, err = directory.New(d); err != nil {
		return err
	}
	o.Mounts = map[string]http.Handler{dirwire.Prefix: t.people}
	o.Figures = append(o.Figures, peopleFigures(t.people)...)
	if d.Volatile {
		t.app.log.Info("accounts of people last as long as this process; --data keeps them")
	}
	return nil
}

// runPeople runs the directory until ctx ends.
func (t *trackerService) runPeople(ctx context.Context) {
	if t.people == nil {
		return
	}
	if err := t.people.Run(ctx); err != nil {
		t.app.log.Error("the directory of people failed", zap.Error(err))
	}
}

// peopleURL returns the address of the directory, with what its key is known by. It is empty for none, and while the nodes of a cluster
// still look for each other: the log says it then.
func (t *trackerService) peopleURL() string {
	if t.people == nil || t.config.clustered() {
		return ""
	}
	url, err := t.askPeopleURL(context.Background())
	if err != nil {
		t.app.log.Warn("the key of the directory of people is not known", zap.Error(err))
	}
	return url
}

func (t *trackerService) askPeopleURL(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	key, err := t.people.Key(ctx)
	if err != nil {
		return "", err
	}
	return "http://" + t.hostPort() + "#" + key.String(), nil
}

// clusterPeopleURL sends what peopleURL could not say once the nodes of the cluster have found each other. It ends with ctx.
func (t *trackerService) clusterPeopleURL(ctx context.Context, known chan<- string) {
	if t.people == nil || !t.config.clustered() {
		return
	}
	for {
		url, err := t.askPeopleURL(ctx)
		if err == nil {
			known <- url
			return
		}
		t.app.log.Debug("the key of the directory of people is not known yet", zap.Error(err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// announcePeople says where the directory of a cluster is, and by what key it is known.
func (a *app) announcePeople(url string) error {
	a.log.Info("the directory of people is there", zap.String("url", url))
	if a.globals.json {
		return a.emit(event("people", map[string]any{"url": url}))
	}
	return a.printRows([][2]string{{a.text.Say("tracker.people"), url}})
}

// peopleFigures tell how many people there are, and nothing of who they are.
func peopleFigures(d *directory.Directory) []metrics.Figure {
	c := d.Counters()
	gauge := func(name, help string, value func(directory.Figures) int) metrics.Figure {
		return metrics.Figure{Name: "people_" + name, Help: help, Value: func() float64 { return float64(value(d.Figures())) }}
	}
	counter := func(name, help string, count *atomic.Uint64) metrics.Figure {
		return metrics.Figure{Name: "people_" + name + "_total", Help: help, Counter: true,
			Value: func() float64 { return float64(count.Load()) }}
	}
	return []metrics.Figure{
		gauge("present", "People who are there, at all nodes.", func(f directory.Figures) int { return f.People }),
		gauge("devices", "Their devices.", func(f directory.Figures) int { return f.Devices }),
		gauge("sessions", "Devices that are there at this node.", func(f directory.Figures) int { return f.Sessions }),
		gauge("waiting", "Of those, how many wait for events.", func(f directory.Figures) int { return f.Waiting }),
		gauge("letters", "Messages that wait for somebody.", func(f directory.Figures) int { return f.Letters }),
		counter("requests", "Requests about people.", &c.Requests),
		counter("refused", "Of those, how many were refused.", &c.Refused),
		counter("failed", "Of those, how many the ledger did not answer.", &c.Failed),
		counter("registered", "Names given to accounts.", &c.Registered),
		counter("logins", "Logins with a password.", &c.Logins),
		counter("bad_logins", "Logins with a wrong one.", &c.BadLogins),
		counter("opened", "Sessions that began.", &c.Opened),
		counter("expired", "Sessions that ended without goodbye.", &c.Expired),
		counter("sent", "Messages that were left for somebody.", &c.Letters),
		counter("gaps", "Times that messages of another node were missing.", &c.Gaps),
	}
}
