package torrentfile_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"p2p/torrentfile"
)

// A torrent is made from a file, written, and read again.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "hello.txt")
	if err := os.WriteFile(path, []byte("hello, swarm\n"), 0o644); err != nil {
		log.Fatal(err)
	}

	m, err := torrentfile.Create(context.Background(), path, torrentfile.CreateOptions{
		Announce: [][]string{{"http://tracker.example:6969/announce"}},
		NoDate:   true,
	})
	if err != nil {
		log.Fatal(err)
	}
	b, err := m.Encode()
	if err != nil {
		log.Fatal(err)
	}

	again, err := torrentfile.Parse(b)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(again.Info.Name, again.Info.Total(), again.Info.Layout().Pieces())
	fmt.Println(again.Magnet())
	// Output:
	// hello.txt 13 1
	// magnet:?xt=urn:btih:5a8035fd92a70ee98b1bd04121672a133c7eda1a&dn=hello.txt&xl=13&tr=http%3A%2F%2Ftracker.example%3A6969%2Fannounce
}

// Whatever names a torrent has, its files stay below the download folder.
func ExampleInfo_SafePaths() {
	info := torrentfile.Info{Name: "CON", Files: []torrentfile.File{
		{Path: []string{"/etc", "passwd"}},
		{Path: []string{"photo\u202egpj.exe"}},
		{Path: []string{"a.txt"}},
		{Path: []string{"A.txt"}},
	}}
	paths, err := info.SafePaths(true)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range paths {
		fmt.Println(p)
	}
	// Output:
	// _CON/_etc/passwd
	// _CON/photo_gpj.exe
	// _CON/a.txt
	// _CON/A (2).txt
}
