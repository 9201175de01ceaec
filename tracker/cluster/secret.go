package cluster

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// MinSecret is the least length of a cluster secret in bytes. Whoever can reach
// a node's route port can test guesses at home, so it must be a random one.
const MinSecret = 32

// ErrSecret is the error of a secret that is too short.
var ErrSecret = errors.New("the cluster secret is shorter than 32 bytes")

// routeName is whom the certificate of every node names.
const routeName = "p2p-cluster"

// routeTLS returns what a node needs to prove to the others that it has the
// secret, and to check that they have it: both ends make the same key from it, and
// the same certificate, which is the only one that either accepts. Space around the secret
// does not count, for it comes from a file.
func routeTLS(secret []byte, name string) (*tls.Config, error) {
	secret = bytes.TrimSpace(secret)
	if len(secret) < MinSecret {
		return nil, ErrSecret
	}
	seed, err := hkdf.Key(sha256.New, secret, nil, "p2p cluster route key 1 "+name, ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("derive the route key: %w", err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	// Nothing here depends on the time or on chance: signatures of Ed25519 are
	// deterministic.
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: routeName},
		DNSNames:     []string{routeName},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the route certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the route certificate: %w", err)
	}
	only := x509.NewCertPool()
	only.AddCert(leaf)
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		ServerName:   routeName,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}},
		RootCAs:      only,
		ClientCAs:    only,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}, nil
}

// identityKey keys the condensed identities of clients; see Store.
func identityKey(secret []byte, name string) uint64 {
	sum := sha256.Sum256(append([]byte("p2p cluster identities "+name+" "), bytes.TrimSpace(secret)...))
	return new(big.Int).SetBytes(sum[:8]).Uint64()
}
