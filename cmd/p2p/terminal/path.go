package terminal

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// pathOf returns the path that a person means, in a form that means the same to the node: as it was typed, if there is such a file; else
// without what terminals and file managers put around one that is dropped or pasted, if there is that.
func pathOf(typed string) string {
	whole := absolute(typed)
	for _, read := range []func(string) string{func(s string) string { return s }, fromURL, fromShell} {
		if p := absolute(read(typed)); isThere(p) {
			return p
		}
	}
	return whole
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// absolute makes a path of this program's folder and person a whole one.
func absolute(path string) string {
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}

// fromURL returns the path of a file:// URL of this machine, and whatever else as it is (RFC 8089).
func fromURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" {
		return s
	}
	return filepath.FromSlash(u.Path)
}

// fromShell reads s as one word of a POSIX shell, in which nothing is expanded (POSIX.1-2017, XCU 2.2). A blank that is not quoted counts.
func fromShell(s string) string {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote && quote != 0:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == '\\' && i+1 < len(s) && (quote == 0 || quote == '"' && strings.IndexByte("$`\"\\", s[i+1]) >= 0):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
