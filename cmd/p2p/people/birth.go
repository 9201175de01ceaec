package people

import (
	"context"
	"encoding/json"
)

// A backup of all that a person has on a machine brings the mark back too, and everything fits. But the file of the history is another
// one then: a copy is born when it is made, whatever times and modes it is given. So what tells that file from others is kept inside
// of it. What rewrites it (history.Convert) leaves that out, so that the next start keeps it anew; a file that is moved stays what it
// is, unless it goes to another disk: then its profile goes on as another device, once.
//
// There may be file systems that give a file another birth at each start, as some that are reached over a network make it up. There
// the profile would use up the devices of its account. As what is put back brings its own count along, a second misfit in a row is
// a reason to doubt, and a third to conclude nothing.

// birthSetting is the name under which a history keeps which file it is in.
const birthSetting = "birth"

// birth is what is kept there.
type birth struct {
	File    string `json:"file"`              // as birthOf says
	Misfits int    `json:"misfits,omitempty"` // how many starts in a row, up to the last, found another file
}

// maxMisfits is after how many of those in a row nothing is concluded from another one.
const maxMisfits = 2

// at returns what is to be kept when the history is in that file now, empty for nobody can tell; and whether that means that it was put
// back or copied.
func (b birth) at(file string) (now birth, copied bool) {
	switch {
	case file == "" || file == b.File:
		return b, false
	case b.File == "":
		return birth{File: file}, false
	}
	return birth{file, b.Misfits + 1}, b.Misfits < maxMisfits
}

// copied reports, at a start, whether the history is in another file than before.
func (n *Node) copied(ctx context.Context) (bool, error) {
	was, err := n.birth(ctx)
	if err != nil {
		return false, err
	}
	now, copied := was.at(birthOf(historyPath(n.opt.Dir)))
	switch {
	case copied: // it is kept when it has another device
		return true, nil
	case now.File == was.File:
		now.Misfits = 0
	}
	return false, n.keepBirth(was, now)
}

// noteBirth keeps in which file the history is.
func (n *Node) noteBirth(ctx context.Context) {
	was, err := n.birth(ctx)
	if err == nil {
		now, _ := was.at(birthOf(historyPath(n.opt.Dir)))
		err = n.keepBirth(was, now)
	}
	n.lost("birth", err)
}

// birth returns what is kept.
func (n *Node) birth(ctx context.Context) (b birth, err error) {
	kept, err := n.archive.Setting(ctx, birthSetting)
	if err == nil && json.Unmarshal(kept, &b) != nil {
		b = birth{}
	}
	return b, err
}

func (n *Node) keepBirth(was, now birth) error {
	if now == was {
		return nil
	}
	b, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return n.archive.NoteSetting(birthSetting, b)
}
