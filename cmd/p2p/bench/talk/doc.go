// Package talk measures chat between real nodes of this machine. Each node is "p2p serve", a process of its own with
// a profile of its own; they meet through a tracker, talk over the loopback network, and are asked through the socket that
// people's programs use. Every node has a listener, as that of a person at a terminal has.
//
// A message is timed from the call of Send at its author's node to the event at the other's listener. Both
// end in this process, so there is one clock, and what the socket costs on both sides is part of the time.
//
// The profiles should be on a disk: a message of one's own is sent when it is on it.
package talk
