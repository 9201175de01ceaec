package main

import (
	"context"
	"net"
	"net/netip"
	"strconv"

	"p2p/tracker/serve"
)

// trackerPort is where trackers are by custom.
const trackerPort = 6969

// localTracker is a tracker inside this process, running.
type localTracker struct {
	*serve.Server
	host   netip.Addr // by which others reach it
	ended  chan struct{}
	err    error // why it ended, once ended is closed
	cancel context.CancelFunc
}

// startTracker runs a tracker at listen until stop is called.
func (a *app) startTracker(listen netip.AddrPort) (*localTracker, error) {
	server, err := serve.Listen(hostPort(listen), serve.Options{Log: a.log})
	if err != nil {
		return nil, err
	}
	return runTracker(server, reachable(listen.Addr())), nil
}

// runTracker runs a server until stop is called. Others reach it at host.
func runTracker(server *serve.Server, host netip.Addr) *localTracker {
	ctx, cancel := context.WithCancel(context.Background())
	t := &localTracker{Server: server, host: host, ended: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(t.ended)
		t.err = server.Run(ctx)
	}()
	return t
}

// embedTracker runs a tracker for what this process seeds: on the customary port
// if it is free, so that a torrent made by one run still leads to the next, else
// on any.
func (a *app) embedTracker(addr netip.Addr) (*localTracker, error) {
	t, err := a.startTracker(netip.AddrPortFrom(addr, trackerPort))
	if !isErrno(portBusyErrnos)(err) {
		return t, err
	}
	t, err = a.startTracker(netip.AddrPortFrom(addr, 0))
	if err == nil {
		a.say("seed.tracker_moved", trackerPort, t.Addr().Port())
	}
	return t, err
}

// stop ends the tracker and waits for it. It may be called twice.
func (t *localTracker) stop() error {
	t.cancel()
	<-t.ended
	return t.err
}

// hostPort is where others reach the tracker.
func (t *localTracker) hostPort() string {
	return netip.AddrPortFrom(t.host, t.Addr().Port()).String()
}

// announceURLs are what goes into a torrent, for HTTP and for UDP.
func (t *localTracker) announceURLs() (http, udp string) {
	return "http://" + t.hostPort() + "/announce", "udp://" + t.hostPort() + "/announce"
}

// hostPort returns an address for the functions of package net, which want an
// empty host for every address.
func hostPort(a netip.AddrPort) string {
	host := ""
	if a.Addr().IsValid() {
		host = a.Addr().String()
	}
	return net.JoinHostPort(host, strconv.Itoa(int(a.Port())))
}
