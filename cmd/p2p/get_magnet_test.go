package main

import (
	"strings"
	"syscall"
	"testing"
)

func TestAMagnetLinkIsEnoughToGetAFolder(t *testing.T) {
	seed, dir, torrent := share(t)
	link, _ := p2p(t, exitDone, "magnet", torrent)
	link = strings.TrimSpace(link)
	to := t.TempDir()
	_, errs := p2p(t, exitDone, "get", link, "-o", to, "--listen", "127.0.0.1:0")
	if !strings.Contains(errs, "asking peers") || !strings.Contains(errs, "✓ film  117.2 KiB in ") {
		t.Errorf("get says %q", errs)
	}
	sameFolder(t, dir, to, filmFiles...)
	out, _ := p2p(t, exitDone, "get", link, "-l", "--listen", "127.0.0.1:0")
	if !strings.Contains(out, "film.en.srt") {
		t.Errorf("get -l says %q", out)
	}
	seed.interrupt()
}

func TestAMagnetLinkThatNobodyAnswersCanBeInterrupted(t *testing.T) {
	const link = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&x.pe=127.0.0.1:1"
	get := start(t, []string{"get", link, "-o", t.TempDir(), "--listen", "127.0.0.1:0"})
	get.errs.until(t, "asking peers")
	if code := get.interrupt(); code != exitSignal+int(syscall.SIGINT) {
		t.Errorf("exits with %d", code)
	}
}
