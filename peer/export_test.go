package peer

import "context"

// Enter wakes s as somebody does who is about to be handed over, until leave.
func Enter(ctx context.Context, s *Sleeper) (leave func(), err error) {
	_, err = s.enter(ctx)
	return s.leave, err
}

// UTPReset is the refusal of a µTP packet, false when there is none.
func UTPReset(packet []byte) (answer []byte, ok bool) {
	var out [utpHeader]byte
	ok = utpReset(packet, &out)
	return out[:], ok
}

// TCP is the Network of this machine.
var TCP = tcp{}
