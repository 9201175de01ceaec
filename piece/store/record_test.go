package store_test

import (
	"bytes"
	"crypto/sha256"
	"runtime"
	"testing"

	"p2p/piece/store"
)

func TestARecordWithAnyByteChangedOrMissingIsNone(t *testing.T) {
	_, _, record := fetched(t, album())
	good := readFile(t, record)
	again, pieces, files, err := store.ReencodeRecord(good)
	if err != nil || pieces != 7 || files != 4 || !bytes.Equal(again, good) {
		t.Fatalf("%d pieces, %d files, error %v", pieces, files, err)
	}
	for i := range good {
		if _, _, _, err := store.ReencodeRecord(good[:i]); err == nil {
			t.Errorf("cut to %d bytes, it was accepted", i)
		}
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if _, _, _, err := store.ReencodeRecord(bad); err == nil {
				t.Errorf("with bit %d of byte %d changed, it was accepted", bit, i)
			}
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, pieces := range [][]int{nil, {0}, {0, 1, 2, 4}} {
		c := album()
		s := c.open(f, f.TempDir(), store.Options{StateDir: f.TempDir()})
		have := resume(f, s)
		c.fetchPiece(f, s, have, pieces...)
		checkpoint(f, s, have)
		record := readFile(f, s.RecordPath())
		f.Add(record)
		f.Add(record[:len(record)-sha256.Size])
	}
	f.Add([]byte("p2p-rec\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		// Nearly nothing that is made up has a right checksum, so one is added.
		sum := sha256.Sum256(b)
		for _, b := range [][]byte{b, append(bytes.Clone(b), sum[:]...)} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			again, pieces, files, err := store.ReencodeRecord(b)
			runtime.ReadMemStats(&after)
			if err == nil && !bytes.Equal(again, b) {
				t.Errorf("%d pieces and %d files: encoded again, it differs", pieces, files)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > uint64(4*len(b)+64<<10) {
				t.Errorf("%d bytes made it allocate %d", len(b), grown)
			}
		}
	})
}
