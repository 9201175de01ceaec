// Package body is what stands in the body of an event that people write: a text, an edit, a reaction, the offer
// of a file, an invitation into a room.
//
// # Form
//
// A body is a protobuf message, read and written field by field: a few fields, and never a
// descriptor. The kind of the event says which message it is. A field that is not known is passed over, since a newer version may have
// written it. Nothing here needs a canonical form: an event has the hash of the bytes that its
// author wrote.
//
// # Kinds
//
// What a kind of the future means nobody knows today, but whether it has a line of its own in the conversation must
// be known when it arrives. So the number says it: 16 to 31 are lines; 32 to 47 are about another event, which is field 1,
// an event's id; 48 and above are for programs, and shown nowhere.
//
// # Bounds
//
// Whatever is read is a stranger's. Texts are UTF-8 and counts are bounded; control characters may be in a text and
// are for whoever shows it to take out. The package is pure.
package body
