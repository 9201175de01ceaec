// Package terminal is the terminal session of p2p chat: contacts and rooms, the
// conversation, and a composer. It is a client of a node (package p2pv1) and
// does nothing else: no network of its own, no history, no keys.
//
// Three layers, each tested without those above it:
//
//   - session is pure: what is known of the node, what the person is doing, and how both change with
//     an input (an event of the node, an answer of it, a key, a word of the clock). What is to be
//     done comes out as effects: requests of the API as they stand in people.proto, timers, a bell.
//     It has no goroutine, no lock, no clock and no I/O, so a test says what happened and looks at
//     what came out.
//   - view draws a session: cells for a size, with a cursor. Lines of messages are wrapped once for a width and
//     kept, and only those that are seen are drawn, so a redraw costs the same with a hundred and with
//     a hundred thousand messages.
//   - the shells do effects and bring inputs: screen with bubbletea for a terminal, plain line by line
//     for screen readers and pipes; on a terminal console keeps what is being typed apart from what is printed. Both share follow, which keeps the stream of events open over
//     restarts of the node, and way, which has a node started again that has died.
//
// What is typed and not sent is this program's alone to keep: the node may be away. Each terminal lays it on sheets, one for a conversation, on a
// desk of its own in the profile (desk, sheet), and whoever comes after one that has died takes them over.
//
// Text that others wrote is cleaned where it is drawn (clean, package text): no control sequence and
// no mark that turns the direction of writing reaches the terminal, and a link is shown with where it leads.
//
// Two modules are used for what is not the subject here: bubbletea drives the terminal (modes, keys, mouse, paste,
// cell-wise redraw), goldmark parses Markdown. The composer is not that of bubbles: that one counts
// code points, so a flag or a family takes several strokes to cross or delete.
package terminal
