package people

import (
	"context"
	"io"

	"golang.org/x/crypto/chacha20poly1305"

	"p2p/peer/ext/chat/history"
)

// seal returns the key with which programs seal what they keep in files of their own, beside the history: who has the
// passphrase reads both, and nobody else either. It lasts as long as what the history holds, and is nil where that has no
// passphrase.
func (n *Node) seal(ctx context.Context) ([]byte, error) {
	if len(n.opt.Passphrase) == 0 {
		return nil, nil
	}
	n.sealing.Lock()
	defer n.sealing.Unlock()
	return sealKey(ctx, n.archive)
}

// sealKey returns that key, which it makes when there is none.
func sealKey(ctx context.Context, a *history.Archive) ([]byte, error) {
	key, err := a.Setting(ctx, sealSetting)
	if err != nil || len(key) == chacha20poly1305.KeySize {
		return key, err
	}
	key = make([]byte, chacha20poly1305.KeySize)
	if _, err := io.ReadFull(randomness, key); err != nil {
		return nil, err
	}
	return key, a.SaveSetting(sealSetting, key)
}
