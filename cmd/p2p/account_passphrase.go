package main

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/people"
	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/terminal"
	"p2p/cmd/p2p/units"
	"p2p/peer/ext/chat/history"
)

type passphraseFlags struct {
	profile, present, fresh string
	remove                  bool
}

func (a *app) passphraseCommand() *cobra.Command {
	var f passphraseFlags
	say := a.text.Say
	cmd := &cobra.Command{
		Use: "passphrase", Short: say("account.passphrase.short"), Long: say("account.passphrase.long"),
		Example: say("account.passphrase.examples"), Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.changePassphrase(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.profile, "profile", "", say("people.profile"))
	flags.StringVar(&f.present, "passphrase-file", "", say("account.passphrase.present"))
	flags.StringVar(&f.fresh, "new-passphrase-file", "", say("account.passphrase.new"))
	flags.BoolVar(&f.remove, "remove", false, say("account.passphrase.remove"))
	return cmd
}

// passphraseMessage says how the passphrase stands when the command is done.
type passphraseMessage struct {
	MessageType string `json:"message_type"` // passphrase
	Profile     string `json:"profile"`
	Encrypted   bool   `json:"encrypted"`
}

func (a *app) changePassphrase(parent context.Context, f passphraseFlags) error {
	switch {
	case f.remove && f.fresh != "":
		return a.usage("usage.passphrase_remove")
	case f.present == "-" && f.fresh == "-":
		return a.usage("usage.passphrase_stdin")
	}
	profile, err := a.profileDir(f.profile)
	if err != nil {
		return err
	}
	ctx, release, _ := a.interruptible(parent)
	defer release()
	encrypted, err := people.Encrypted(profile)
	if err != nil {
		return a.passphraseFailure(ctx, profile, err)
	}
	p, err := a.askPassphrases(f, encrypted)
	if err != nil {
		return err
	}
	p.Programs = func(was, is []byte) error { return terminal.Reseal(profile, was, is) }
	meter := newMeter(1)
	p.Progress = meter.set
	v := meter.view("account passphrase", filepath.Base(profile), progress.Rewriting)
	v.silent = true
	stop := a.watch(v)
	err = p.Change(ctx, profile)
	stop()
	if err != nil {
		return a.passphraseFailure(ctx, profile, err)
	}
	if f.remove {
		a.say("account.passphrase.open", profile)
	} else {
		a.say("account.passphrase.sealed", profile)
	}
	return a.emit(passphraseMessage{"passphrase", profile, !f.remove})
}

// askPassphrases returns the passphrase that the profile has, and the one that it is to have: one that has none gets the only one
// that was given.
func (a *app) askPassphrases(f passphraseFlags, encrypted bool) (p people.Passphrase, err error) {
	if encrypted {
		if p.From, err = a.passphrase(f.present, "--passphrase-file", "serve.passphrase", false); err != nil {
			return p, err
		}
	} else if f.fresh == "" {
		f.fresh = f.present
	}
	if !f.remove {
		p.To, err = a.passphrase(f.fresh, "--new-passphrase-file", "account.passphrase.ask", true)
	}
	return p, err
}

// passphrase is password for one that a flag gives; prompt is the key of what asks for it otherwise.
func (a *app) passphrase(file, flag, prompt string, fresh bool) ([]byte, error) {
	var secret string
	var err error
	switch {
	case file != "":
		secret, err = a.password(file, fresh)
	case a.secret == nil:
		err = a.usage("usage.passphrase_terminal", flag)
	default:
		secret, err = a.askSecret(a.text.Say(prompt), fresh)
	}
	return []byte(secret), err
}

// passphraseFailure says why a passphrase is not changed.
func (a *app) passphraseFailure(ctx context.Context, profile string, err error) error {
	space, full := errors.AsType[*history.SpaceError](err)
	switch {
	case full:
		return a.fail(exitDiskFull, "account.passphrase.no_room", units.FormatBytes(space.Bytes))
	case errors.Is(err, history.ErrBusy):
		return a.fail(exitBusy, "account.passphrase.busy", profile)
	case errors.Is(err, fs.ErrNotExist):
		return a.fail(exitNotFound, "account.passphrase.none", profile)
	}
	return a.openFailure(ctx, err)
}
