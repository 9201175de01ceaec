package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// maxPassword is the longest password, in bytes.
const maxPassword = 1024

// password returns a password: the first line of a file, of stdin for "-", or what is typed at the terminal, twice
// if it is a new one. It is never on the command line, where every user of the machine could read it.
func (a *app) password(file string, fresh bool) (string, error) {
	switch file {
	case "":
		return a.askPassword(fresh)
	case "-":
		return a.firstLine(a.in, "stdin")
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return a.firstLine(f, file)
}

func (a *app) firstLine(r io.Reader, name string) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPassword+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" || len(line) > maxPassword {
		return "", a.usage("usage.password_file", name, maxPassword)
	}
	return line, nil
}

// askPassword asks at the terminal, which shows nothing of what is typed.
func (a *app) askPassword(fresh bool) (string, error) {
	if a.secret == nil {
		return "", a.usage("usage.password_terminal")
	}
	return a.askSecret(a.text.Say("account.password"), fresh)
}

// askSecret asks with a prompt of the caller's.
func (a *app) askSecret(prompt string, fresh bool) (string, error) {
	first, err := a.secret(prompt)
	if err != nil {
		return "", err
	}
	if first == "" {
		return "", a.usage("usage.password_empty")
	}
	if fresh {
		second, err := a.secret(a.text.Say("account.password_again"))
		if err != nil {
			return "", err
		}
		if first != second {
			return "", a.usage("usage.password_differs")
		}
	}
	return first, nil
}

// terminalSecret returns what asks for a secret at the terminal behind stdin, or nil when there is none.
func terminalSecret() func(prompt string) (string, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return nil
	}
	return func(prompt string) (string, error) {
		fmt.Fprint(os.Stderr, prompt)
		defer fmt.Fprintln(os.Stderr)
		b, err := term.ReadPassword(fd)
		return string(b), err
	}
}
