package terminal

// The lines that were typed before, through which the composer can look back without losing what is being written.

// begin puts a text into the input.
func (c *composer) begin(text string) {
	c.typedAt, c.unsaved = -1, ""
	c.editor.set(text)
}

// take lets go of the text, which is sent or done. What was being written before it was looked for comes back.
func (c *composer) take() {
	text, back := c.editor.text(), ""
	if c.typedAt >= 0 {
		back = c.unsaved
	}
	c.remember(text)
	c.begin(back)
}

// written returns what is being written. A line that was typed before and is only looked at is not; one that is changed stands behind
// what was there before.
func (c *composer) written() string {
	text := c.editor.text()
	switch {
	case c.typedAt < 0:
		return text
	case c.looksBack():
		return c.unsaved
	}
	return joined(c.unsaved, text)
}

// looksBack reports whether the input shows a line that was typed before, as it was.
func (c *composer) looksBack() bool {
	return c.typedAt >= 0 && c.editor.text() == c.history[c.typedAt]
}

// remember puts a line into the history of what was typed.
func (c *composer) remember(s string) {
	c.typedAt = -1
	if n := len(c.history); s == "" || n > 0 && c.history[n-1] == s {
		return
	}
	if c.history = append(c.history, s); len(c.history) > maxHistory {
		c.history = c.history[1:]
	}
}

// recallTyped shows what was typed before (by -1) or after (by 1), and behind all that what is being written.
func (c *composer) recallTyped(by int) {
	at := c.typedAt
	switch {
	case len(c.history) == 0, at < 0 && by > 0:
		return
	case at < 0:
		at = len(c.history) - 1
	default:
		at = max(at+by, 0)
	}
	c.unsaved = c.written()
	if c.typedAt = at; at >= len(c.history) {
		c.begin(c.unsaved)
		return
	}
	c.editor.set(c.history[at])
}
