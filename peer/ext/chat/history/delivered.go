package history

import (
	"context"
	"fmt"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// Delivery is that a device of Account has stored the events of Device, one of the archive's account, up to Seq, and that Account
// has read them up to Read, which is no more.
type Delivery struct {
	Account identity.Key
	Device  identity.Key
	Seq     uint64
	Read    uint64
}

// SaveDelivered keeps what was delivered in a room that is in the archive. It does not wait for the disk: what is lost
// is heard again.
func (a *Archive) SaveDelivered(id room.ID, all []Delivery) error {
	err := a.write.transaction(false, func() error {
		for i := range all {
			err := a.write.exec(`INSERT INTO delivered (room, account, device, seq, read) SELECT n, ?2, ?3, ?4, ?5 FROM rooms WHERE key = ?1
				ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq), read = max(read, excluded.read)`,
				a.box.key(id), all[i].Account[:], all[i].Device[:], int64(all[i].Seq), int64(all[i].Read))
			if err != nil {
				return err
			}
		}
		return nil
	}, nil)
	if err != nil {
		return fmt.Errorf("save what was delivered: %w", err)
	}
	a.ink.wrote(len(all), false)
	return nil
}

// Delivered returns what SaveDelivered has kept of a room, by account.
func (a *Archive) Delivered(ctx context.Context, id room.ID) ([]Delivery, error) {
	var all []Delivery
	err := a.read.rows(ctx, "SELECT account, device, seq, read FROM delivered WHERE room = (SELECT n FROM rooms WHERE key = ?) ORDER BY account, device",
		[]any{a.box.key(id)}, func(scan func(...any) error) error {
			var account, device []byte
			var seq, read int64
			if err := scan(&account, &device, &seq, &read); err != nil {
				return err
			}
			if len(account) != identity.KeySize || len(device) != identity.KeySize {
				return fmt.Errorf("%w: a key is too short", ErrForeign)
			}
			all = append(all, Delivery{identity.Key(account), identity.Key(device), uint64(seq), uint64(read)})
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("read what was delivered: %w", err)
	}
	return all, nil
}
