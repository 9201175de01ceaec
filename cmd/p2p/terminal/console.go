package terminal

import (
	"context"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// console is a terminal on which lines are typed while others are printed. A terminal that is left to itself shows what is typed wherever the
// cursor is, and nobody is told what that is: a message that comes would run into it. So it is read key by key here, with no more editing
// than a terminal has: characters, words and the line are taken back, from the end. What is printed takes the place of what is being typed, which then
// stands below it: whoever has the screen read out hears the message, and after it the own words.
type console struct {
	out     io.Writer
	columns func() int
	changed chan struct{} // holds one when something was typed
	dumb    bool          // it moves no cursor: what is being typed is written once more

	mu    sync.Mutex // of all below, and of what is written
	typed string
	rest  []byte // of a character, or of a key that is none
}

// The keys that a terminal without a program takes.
const (
	keyEnd       = 0x04 // Ctrl+D
	keyBackspace = 0x08
	keyKill      = 0x15 // Ctrl+U
	keyWord      = 0x17 // Ctrl+W
	keyEscape    = 0x1b
	keyDelete    = 0x7f
)

// print writes lines above what is being typed.
func (c *console) print(text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := io.WriteString(c.out, c.leave()+text+"\n"+shown(c.typed))
	return err
}

// text returns what is being typed.
func (c *console) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.typed
}

// begin puts a text before what is being typed, as if it had been.
func (c *console) begin(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	room := c.leave()
	c.typed = text + c.typed
	io.WriteString(c.out, room+shown(c.typed))
}

// end leaves the line on which something was being typed.
func (c *console) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.typed != "" {
		io.WriteString(c.out, "\n")
	}
}

// again writes what is being typed once more, on a screen that others have written to.
func (c *console) again() {
	c.mu.Lock()
	defer c.mu.Unlock()
	io.WriteString(c.out, shown(c.typed))
}

// leave returns what makes room where something is being typed. The caller holds mu.
func (c *console) leave() string {
	switch {
	case c.typed == "":
		return ""
	case c.dumb:
		return "\n"
	}
	up := ""
	if n := c.wraps(); n > 0 {
		up = ansi.CursorUp(n)
	}
	return "\r" + up + ansi.EraseScreenBelow
}

// wraps returns how many lines of the screen end within what is being typed: a wide character does not stand half on each of two. The caller holds mu.
func (c *console) wraps() (n int) {
	columns, at := c.columns(), 0
	for rest := shown(c.typed); rest != ""; {
		cluster := firstCluster(rest)
		rest = rest[len(cluster):]
		width := ansi.StringWidth(cluster)
		if at += width; at > columns {
			n, at = n+1, width
		}
	}
	return n
}

// feed takes in what was typed, shows it, and returns the lines that are done, and whether the input has ended.
func (c *console) feed(b []byte) (lines []string, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest = append(c.rest, b...)
	for len(c.rest) > 0 {
		key, whole := nextKey(c.rest)
		if !whole {
			break
		}
		c.rest = c.rest[len(key):]
		switch first := key[0]; {
		case first == '\n' || first == '\r':
			lines = append(lines, c.typed)
			c.typed = ""
			io.WriteString(c.out, "\n")
		case first == keyEnd && c.typed == "":
			return lines, true
		case first == keyBackspace || first == keyDelete:
			c.takeBack(len(c.typed) - len(lastCluster(c.typed)))
		case first == keyWord:
			c.takeBack(wordStart(c.typed))
		case first == keyKill:
			c.takeBack(0)
		case first == '\t':
			c.add(" ")
		case first == keyEscape:
		default:
			if r, _ := utf8.DecodeRune(key); !unicode.IsControl(r) { // what is pasted may hold any
				c.add(string(key))
			}
		}
	}
	return lines, false
}

// add shows what was typed behind the rest.
func (c *console) add(s string) {
	if len(c.typed)+len(s) > maxLine {
		return
	}
	c.typed += s
	io.WriteString(c.out, shown(s))
}

// takeBack takes away all that was typed from a byte on.
func (c *console) takeBack(at int) {
	width := ansi.StringWidth(shown(c.typed[at:]))
	if c.wraps() > 0 && !c.dumb {
		room := c.leave()
		c.typed = c.typed[:at]
		io.WriteString(c.out, room+shown(c.typed))
		return
	}
	c.typed = c.typed[:at]
	io.WriteString(c.out, strings.Repeat("\b \b", width))
}

// shown is what was typed as it is written: with a sign for each byte that is of no character.
func shown(s string) string { return string([]rune(s)) }

// nextKey returns the bytes of the first key in b, and whether they are all there: a character, a control code, or the sequence of a key such as an
// arrow.
func nextKey(b []byte) (key []byte, whole bool) {
	if b[0] != keyEscape {
		if !utf8.FullRune(b) {
			return nil, false
		}
		_, size := utf8.DecodeRune(b)
		return b[:size], true
	}
	if len(b) < 2 {
		return nil, false
	}
	if b[1] != '[' && b[1] != 'O' {
		return b[:2], true
	}
	for i := 2; i < len(b); i++ {
		if b[i] >= '@' && b[i] <= '~' {
			return b[:i+1], true
		}
		if i > mostSequence {
			return b[:i], true
		}
	}
	return nil, false
}

// mostSequence is how many bytes the sequence of a key has at most.
const mostSequence = 32

// readLines is the function of that name for a console.
func (c *console) readLines(ctx context.Context, in io.Reader, lines chan<- string) {
	defer close(lines)
	buffer := make([]byte, 4096)
	for {
		n, err := in.Read(buffer)
		done, ended := c.feed(buffer[:n])
		for _, l := range done {
			select {
			case lines <- l:
			case <-ctx.Done():
				return
			}
		}
		select {
		case c.changed <- struct{}{}:
		default:
		}
		if err != nil || ended {
			return
		}
	}
}
