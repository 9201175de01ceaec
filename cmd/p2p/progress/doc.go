// Package progress shows how a transfer is going: one live line (or a small
// block of lines) at the bottom of a terminal, or a plain line now and then
// where there is no terminal.
//
// A Snapshot says how things stand; Style turns it into text of a given number
// of columns and is pure. Display owns the terminal: it draws the live lines,
// lets other output scroll by above them, and is the one place that knows where
// the cursor is. Nothing here reads the clock or the environment: the time is
// a parameter, so that every line can be tested to the letter.
package progress
