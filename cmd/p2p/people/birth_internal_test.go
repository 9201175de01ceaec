package people

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAFileThatIsAnotherOneAtEachStartIsNotTakenForACopyForEver(t *testing.T) {
	b, copied := birth{}.at("1")
	if copied || b != (birth{File: "1"}) {
		t.Fatalf("a file that is seen first is kept as %v, copied: %v", b, copied)
	}
	if now, copied := b.at("1"); copied || now != b {
		t.Errorf("the same file is kept as %v, copied: %v", now, copied)
	}
	if now, copied := b.at(""); copied || now != b {
		t.Errorf("one of which nothing is known is kept as %v, copied: %v", now, copied)
	}
	var all []bool
	for _, file := range []string{"2", "3", "4", "5"} {
		b, copied = b.at(file)
		all = append(all, copied)
	}
	if len(all) != 4 || !all[0] || !all[1] || all[2] || all[3] {
		t.Errorf("of four files in a row these were taken for copies: %v", all)
	}
}

func TestOnlyACopyIsBornAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	write := func(path string) {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(path)
	was := birthOf(path)
	if was == "" {
		t.Skip("files have no time of birth here")
	}
	write(path)
	moved := path + "2"
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	if is := birthOf(moved); is != was {
		t.Errorf("a file that was written to and moved was born %q, and is said to be born %q", was, is)
	}
	for end := time.Now().Add(10 * time.Second); ; { // the clock of files ticks some hundred times a second
		write(path)
		if is := birthOf(path); is != was {
			return
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatalf("another file was born %q too", was)
		}
	}
}
