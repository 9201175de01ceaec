// Package text holds every sentence that p2p says to people, in English and in
// Chinese, and makes text from strangers safe to show on a terminal.
//
// The sentences are in two flat files, en.txt and zh.txt, embedded into the
// program. A line is "key = message" with the verbs of package fmt; a line that
// begins with a blank continues the message on a new line; # begins a comment.
// A message that counts something has two keys, key.one and key.many. Tests
// fail when a key is missing in one language, takes other verbs there, or is
// used nowhere.
package text
