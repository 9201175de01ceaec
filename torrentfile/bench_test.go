package torrentfile_test

import (
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"p2p/torrentfile"
)

// BenchmarkSHA1 is the yardstick for BenchmarkCreate: what one core can hash.
func BenchmarkSHA1(b *testing.B) {
	buf := make([]byte, 256<<10)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		sha1.Sum(buf)
	}
}

// BenchmarkCreate hashes a file that is in the page cache, so it shows what the
// cores do rather than the disk.
func BenchmarkCreate(b *testing.B) {
	const size = 256 << 20
	path := filepath.Join(b.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
		b.Fatal(err)
	}
	for _, workers := range []int{1, 0} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := torrentfile.Create(b.Context(), path, torrentfile.CreateOptions{Workers: workers}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCreateManyFiles hashes many small files, where opening them counts.
func BenchmarkCreateManyFiles(b *testing.B) {
	const files, size = 5000, 4 << 10
	dir := b.TempDir()
	for i := range files {
		write(b, content(size, i), dir, fmt.Sprint(i%50), fmt.Sprint(i))
	}
	b.SetBytes(files * size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := torrentfile.Create(b.Context(), dir, torrentfile.CreateOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	const pieces, files = 2_000_000, 100_000
	manyFiles := make([]string, files)
	for i := range manyFiles {
		manyFiles[i] = fmt.Sprintf("folder %d/file %d.bin", i/100, i)
	}
	large := folder(manyFiles...)
	hashes := (files + 16383) / 16384
	tests := map[string][]byte{
		"pieces=2000000": torrent(b, with(with(single(), "pieces", strings.Repeat("h", 20*pieces)), "length", int64(pieces)*16384)),
		"files=100000":   torrent(b, with(large, "pieces", strings.Repeat("h", 20*hashes))),
	}
	for name, data := range tests {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				mustParse(b, data)
			}
		})
	}
}

func BenchmarkSafePaths(b *testing.B) {
	names := map[string]func(i int) string{
		"distinct": func(i int) string { return fmt.Sprintf("folder %d/file %d.bin", i/100, i) },
		"Chinese":  func(i int) string { return fmt.Sprintf("数据集 %d/第 %d 批.bin", i/100, i) },
		"equal":    func(int) string { return "folder/file.bin" },
	}
	for name, path := range names {
		info := &torrentfile.Info{Name: "r"}
		for i := range 100_000 {
			info.Files = append(info.Files, torrentfile.File{Path: strings.Split(path(i), "/")})
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := info.SafePaths(true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
