package udpwire

// The option types of BEP 41. "Option-types less than or equal to 0x1 are never
// followed by a length byte. Option-types greater than or equal to 0x2 are
// always followed by a length byte."
const (
	optionEnd     = 0x0
	optionNOP     = 0x1
	optionURLData = 0x2
)

// maxOption is the most data that one option can carry: its length is one byte.
const maxOption = 255

// AppendOptions appends pathAndQuery, the part of a tracker's URL that follows
// host and port, as URLData options: "chunked into blocks of no larger than 255
// bytes" (BEP 41). An empty one appends the empty option, by which a client says
// that it knows the extension. The result is for AnnounceRequest.Options.
func AppendOptions(dst []byte, pathAndQuery string) []byte {
	for len(pathAndQuery) > maxOption {
		dst = append(dst, optionURLData, maxOption)
		dst = append(dst, pathAndQuery[:maxOption]...)
		pathAndQuery = pathAndQuery[maxOption:]
	}
	dst = append(dst, optionURLData, byte(len(pathAndQuery)))
	return append(dst, pathAndQuery...)
}

// URLData appends to dst the path and query that r's options carry. BEP 41: "If
// this option appears more than once, the data fields are concatenated."
// Unknown options are skipped, and so is one that claims more bytes than the
// packet has, with all that would follow: an announce is not refused for them.
// At most as many bytes are appended as Options holds.
func (r AnnounceRequest) URLData(dst []byte) []byte {
	for b := r.Options; len(b) > 0; {
		switch b[0] {
		case optionEnd:
			return dst
		case optionNOP:
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b)-2 < int(b[1]) {
			return dst
		}
		data := b[2 : 2+int(b[1])]
		if b[0] == optionURLData {
			dst = append(dst, data...)
		}
		b = b[2+len(data):]
	}
	return dst
}
