package peer

// UTPReset is the refusal of a µTP packet, false when there is none.
func UTPReset(packet []byte) (answer []byte, ok bool) {
	var out [utpHeader]byte
	ok = utpReset(packet, &out)
	return out[:], ok
}
