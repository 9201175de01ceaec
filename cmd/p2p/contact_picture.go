package main

import (
	"errors"
	"os"

	"p2p/cmd/p2p/qrcode"
	"p2p/peer/identity"
)

// picture is the file into which the QR code of a link is drawn. It is made before the link is: a link that nobody gets would lead in all the
// same. nil is none.
type picture struct {
	app  *app
	file *os.File
	done bool
}

// newPicture makes a file that is not there yet; only this user may read it, for whoever has the link uses it. Without a path there is none.
func (a *app) newPicture(path string) (*picture, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // none is no error
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &picture{app: a, file: f}, nil
}

// draw writes the code of a link, and says where it is.
func (p *picture) draw(link string) error {
	if p == nil {
		return nil
	}
	l, err := identity.ParseLink(link)
	if err != nil {
		return err
	}
	code, err := qrcode.Of(l)
	if err != nil {
		return err
	}
	_, err = p.file.Write(code.PNG())
	if err = errors.Join(err, p.file.Close()); err != nil {
		return err
	}
	p.done = true
	p.app.say("invite.qr_png.done", safe(p.file.Name()))
	return nil
}

// drop takes away the file of a picture that was not drawn.
func (p *picture) drop() {
	if p != nil && !p.done {
		p.file.Close()
		os.Remove(p.file.Name())
	}
}
