package terminal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"p2p/cmd/p2p/drive"
)

// patience ends a test that hangs. What is read of a terminal may be half of what the program is drawing just then.
const patience = time.Minute

// window is a real terminal in tmux in which this test binary runs a session with a fake node (see TestMain).
type window struct {
	t      *testing.T
	socket string
}

// newWindow starts a session in a terminal of its own. It skips the test where there is no tmux.
func newWindow(t *testing.T, width, height int, env ...string) *window {
	if testing.Short() {
		t.Skip("-short: no real terminal")
	}
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("P2P_INTEROP") == "must" {
			t.Fatal(err)
		}
		t.Skip("no tmux here: apt-get install tmux")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "p2p") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	w := &window{t, filepath.Join(dir, "s")}
	t.Cleanup(func() {
		exec.Command("tmux", "-S", w.socket, "kill-server").Run()
		os.RemoveAll(dir)
	})
	command := fmt.Sprintf("env LANG=C.UTF-8 %s %s; echo left with $?; exec cat", strings.Join(env, " "), self)
	w.tmux("-f", os.DevNull, "-u", "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), command)
	return w
}

func (w *window) tmux(args ...string) string {
	w.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", w.socket}, args...)...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

// keys presses keys by the names that tmux has for them.
func (w *window) keys(names ...string) {
	w.t.Helper()
	w.tmux(append([]string{"send-keys"}, names...)...)
}

// types types text as it is.
func (w *window) types(text string) { w.t.Helper(); w.tmux("send-keys", "-l", text) }

func (w *window) screen() string { w.t.Helper(); return w.tmux("capture-pane", "-p") }

// shows waits until the screen has all of words.
func (w *window) shows(words ...string) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		screen, missing := w.screen(), ""
		for _, word := range words {
			if !strings.Contains(screen, word) {
				missing = word
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("the terminal never shows %q:\n%s", missing, screen)
		}
		time.Sleep(20 * time.Millisecond) // a real terminal, in real time
	}
}

func TestARealTerminalIsTalkedIn(t *testing.T) {
	w := newWindow(t, 80, 24, "P2P_TERMINAL=echo")
	w.shows("PEOPLE", "● Anna", "done, it verifies ✓✓", "directory ✓")
	w.types("你好，世界")
	w.keys("M-Enter")
	w.types("second line")
	w.shows("> 你好，世界", "  second line")
	drive.Eventually(t, patience, "the cursor is not behind the text, at 34,22", func() bool {
		return strings.TrimSpace(w.tmux("display-message", "-p", "#{cursor_x},#{cursor_y}")) == "34,22"
	})
	w.keys("Enter")
	w.shows("second line ✓", "you said: 你好，世界", "> message, or /help")
	w.keys("Up", "Up")
	w.shows("r reply  e edit")
	w.keys("r")
	w.shows("reply to mia: 你好，世界") // sooner it would be a word
	w.types("indeed")
	w.shows("reply to mia: 你好，世界", "↩ indeed")
	w.keys("Enter")
	w.shows("you said: indeed")
}

func TestARealTerminalOfAnySizeIsFilled(t *testing.T) {
	w := newWindow(t, 120, 40, "P2P_TERMINAL=1")
	w.shows("# field trip", "Morning! Did the survey data arrive?")
	w.tmux("resize-window", "-x", "40", "-y", "12")
	w.shows("(1) ● Anna  online, direct 12 ms", "> message, or /help", " directory ✓ · Anna direct 12 ms")
	drive.Eventually(t, patience, "the list takes room from the conversation", func() bool { return !strings.Contains(w.screen(), "PEOPLE") })
	w.keys("C-b")
	w.shows("PEOPLE", "# field trip")
	w.keys("Down", "Down", "Down", "Down", "Enter")
	w.shows("# field trip", "@mia who brings the tent?")
	w.tmux("resize-window", "-x", "100", "-y", "30")
	w.shows("PEOPLE", "@mia who brings the tent?")
}

func TestARealTerminalIsGivenBack(t *testing.T) {
	w := newWindow(t, 80, 24, "P2P_TERMINAL=1")
	w.shows("directory ✓")
	w.types("half a thought")
	w.keys("C-c")
	w.shows("left with 0")
	if screen := w.screen(); strings.Contains(screen, "PEOPLE") {
		t.Errorf("it left its screen behind:\n%s", screen)
	}
	if modes := strings.TrimSpace(w.tmux("display-message", "-p", "#{alternate_on}#{mouse_any_flag}#{cursor_flag}")); modes != "001" {
		t.Errorf("alternate screen, mouse and cursor are %s", modes)
	}
}

func TestARealTerminalSpeaksChineseAndPastesLines(t *testing.T) {
	w := newWindow(t, 80, 24, "P2P_TERMINAL=1", "LC_ALL=zh_CN.UTF-8")
	w.shows("联系人", "在线，直连 12 ms，已核对", "目录服务 ✓")
	w.tmux("set-buffer", "第一行\n第二行\n第三行")
	w.tmux("paste-buffer", "-p")
	w.shows("> 第一行", "  第二行", "  第三行")
	w.keys("BSpace", "BSpace")
	w.shows("  第\n")
}

func TestARealTerminalOfLines(t *testing.T) {
	w := newWindow(t, 80, 24, "P2P_TERMINAL=echo", "TERM=dumb")
	w.shows("Conversation: Anna", "mia: (to Anna: Good. Then run) done, it verifies")
	w.types("a line")
	w.keys("Enter")
	w.shows("mia: a line", "Anna: you said: a line")
	w.types("/quit")
	w.keys("Enter")
	w.shows("left with 0")
}

// The answer comes while the next line is being typed, or before it: in any case the two do not run into each other.
func TestOnARealTerminalNothingRunsIntoWhatIsBeingTyped(t *testing.T) {
	w := newWindow(t, 80, 24, "P2P_TERMINAL=echo", "P2P_PLAIN=1")
	w.shows("mia: (to Anna: Good. Then run) done, it verifies")
	w.types("first")
	w.keys("Enter")
	w.types("half 一半")
	w.shows("Anna: you said: first", "half 一半")
	drive.Eventually(t, patience, "what is being typed stands alone, last", func() bool {
		lines := strings.Split(strings.TrimSpace(w.screen()), "\n")
		return lines[len(lines)-1] == "half 一半" && strings.Count(w.screen(), "half") == 1
	})
	w.keys("BSpace", "Enter")
	w.shows("Anna: you said: half 一")
	w.keys("C-d")
	w.shows("left with 0")
}

// tmux shows joined emoji in two columns, and puts any letter behind a joiner into the cell before it.
func TestOnARealTerminalWhatIsJoinedTakesTheColumnsThatItIsGiven(t *testing.T) {
	w := newWindow(t, 80, 24, "P2P_TERMINAL=1")
	w.shows("directory ✓")
	w.types("👩\u200d💻x\u200dy end")
	w.shows("> 👩💻xy end")
	drive.Eventually(t, patience, "the cursor is not behind the text, at 33,22", func() bool {
		return strings.TrimSpace(w.tmux("display-message", "-p", "#{cursor_x},#{cursor_y}")) == "33,22"
	})
}

// inProfile starts a session in a terminal of its own that keeps what is typed in the folder of a profile, and returns how to send it a signal.
func inProfile(t *testing.T, profile string, env ...string) (*window, func(signal string)) {
	t.Helper()
	pid := filepath.Join(t.TempDir(), "pid")
	w := newWindow(t, 80, 24, append(env, "P2P_TERMINAL=1", "P2P_STATE="+profile, "P2P_PID="+pid)...)
	w.shows("done, it verifies")
	return w, func(signal string) {
		t.Helper()
		b, err := os.ReadFile(pid)
		if err == nil {
			err = exec.Command("kill", "-s", signal, string(b)).Run()
		}
		if err != nil {
			t.Fatal(err)
		}
		if signal == "KILL" {
			drive.Eventually(t, patience, "it does not end", func() bool {
				return strings.Contains(strings.Join(strings.Fields(w.screen()), ""), "leftwith137")
			})
		}
	}
}

// keeps waits until a text lies in the folder of a profile.
func keeps(t *testing.T, profile, text string) {
	t.Helper()
	drive.Eventually(t, patience, "nowhere is kept "+text, func() bool {
		kept := false
		eachSheet(profile, func(path string) error {
			b, err := os.ReadFile(path)
			kept = kept || strings.Contains(string(b), text)
			return err
		})
		return kept
	})
}

func TestWhatIsTypedInTwoRealTerminalsOutlivesThatBothAreKilled(t *testing.T) {
	profile := t.TempDir()
	one, toOne := inProfile(t, profile)
	two, toTwo := inProfile(t, profile)
	one.types("the first text")
	keeps(t, profile, "the first text")
	two.types("the second text")
	keeps(t, profile, "the second text")
	toOne("STOP") // it is not dead
	three, toThree := inProfile(t, profile)
	three.shows("> message, or /help")
	toThree("KILL")
	toTwo("KILL")
	toOne("KILL")
	again, toAgain := inProfile(t, profile)
	again.shows("you had begun 1 more text here", " text")
	other, toOther := inProfile(t, profile)
	both := func() string { return again.screen() + other.screen() }
	drive.Eventually(t, patience, "the two texts are not back in the two terminals", func() bool {
		return strings.Contains(both(), "> the first text") && strings.Contains(both(), "> the second text")
	})
	toAgain("KILL")
	toOther("KILL")
	alone, _ := inProfile(t, profile)
	alone.shows("you had begun 1 more text here")
	alone.keys("C-a", "x", "C-o")
	alone.shows("1 more text")
	alone.keys("C-a", "y", "C-o", "C-o")
	alone.shows("> y")
	keeps(t, profile, "xthe")
	keeps(t, profile, "ythe")
	alone.keys("Enter", "C-o")
	alone.shows("> x")
	alone.keys("Enter")
	alone.shows("xthe", "ythe", "> message, or /help")
	drive.Eventually(t, patience, "what was sent is kept", func() bool {
		desks, err := sheetsIn(filepath.Join(profile, draftsName))
		return err == nil && len(desks) == 0
	})
}

func TestALineThatIsTypedInARealTerminalOutlivesThatItIsKilled(t *testing.T) {
	profile := t.TempDir()
	one, toOne := inProfile(t, profile, "P2P_PLAIN=1")
	one.types("half a 一半")
	keeps(t, profile, "half a 一半")
	toOne("KILL")
	again, toAgain := inProfile(t, profile, "P2P_PLAIN=1")
	again.shows("stands in the line again", "half a 一半")
	again.keys("BSpace")
	again.types("行")
	keeps(t, profile, "half a 一行")
	toAgain("KILL")
	screen, _ := inProfile(t, profile)
	screen.shows("> half a 一行")
}

// What a shell does when it has the terminal back: keys are shown again, and it writes where it likes.
func TestARealTerminalIsTakenBackAfterAnotherHasStoppedTheProgram(t *testing.T) {
	w, signal := inProfile(t, t.TempDir())
	signal("STOP")
	tty := strings.TrimSpace(w.tmux("display-message", "-p", "#{pane_tty}"))
	if err := exec.Command("sh", "-c", `stty sane <"$0"; printf '\033[?1000l\033[2J\033[Hthe prompt of a shell' >"$0"`, tty).Run(); err != nil {
		t.Fatal(err)
	}
	w.shows("the prompt of a shell")
	signal("CONT")
	w.shows("PEOPLE", "done, it verifies", "> message, or /help")
	w.types("there")
	w.keys("C-u")
	w.types("here again")
	w.shows("> here again")
	if screen := w.screen(); strings.Contains(screen, "prompt") || strings.Contains(screen, "^U") {
		t.Errorf("what the shell has left is on the screen:\n%s", screen)
	}
}

// Nothing would let it go on: no shell has started it as a job.
func TestARealTerminalWithoutAShellIsNotGivenUp(t *testing.T) {
	w := newWindow(t, 80, 24, "P2P_TERMINAL=1")
	w.shows("done, it verifies")
	w.keys("C-z")
	drive.Eventually(t, patience, "nothing can be typed any more", func() bool {
		w.types("x")
		return strings.Contains(w.screen(), "> x")
	})
}
