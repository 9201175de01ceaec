package chat

import (
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// AsOlder returns what builds of before would send instead of a frame: they tell beside the mark of an account of one device nothing of what
// was there. Receipts are signed again; those of whom secret does not know are left out.
func AsOlder(payload string, in room.ID, secret func(identity.Key) (identity.Secret, bool)) string {
	switch payload[0] {
	case frameSeen:
		return ""
	case frameReceipts:
		all, err := parseReceipts([]byte(payload[1:]))
		if err != nil {
			return payload
		}
		var frame []byte
		for i := range all {
			r := &all[i]
			if s, ok := secret(r.device); ok {
				for name, p := range r.logs {
					r.logs[name] = progress{stored: p.stored}
				}
				r.sign(s, in)
				frame = appendReceipt(frame, r)
			}
		}
		return string(frame)
	}
	return payload
}
