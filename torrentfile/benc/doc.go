// Package benc is bencode (BEP 3) with bounds, for bytes that a stranger chose.
//
// The decoding and encoding themselves are done by
// github.com/anacrolix/torrent/bencode. In front of it stands a scan that uses
// no recursion and allocates nothing: it checks the whole input against Limits,
// so that the decoder only ever sees values that are complete, shallow and no
// longer than the bytes that carry them. What a claimed length can cost is
// therefore bounded by what was really received.
//
// Unmarshal and UnmarshalPrefix decode into a Go value. Pick and Items reach
// into a dictionary or list without decoding it: they return slices of the
// input, which is how the exact bytes of an info dictionary are found and how
// unknown keys cost nothing; String and Int read what they find. Unmarshal is for
// input whose every key is known, or that is small.
//
// All functions may be called from any goroutine and keep no reference to their
// arguments beyond what their results alias.
package benc
