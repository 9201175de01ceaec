package main

import (
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"
)

// magnetObject is `p2p magnet -j`.
type magnetObject struct {
	Schema   int    `json:"schema"`
	InfoHash string `json:"info_hash"`
	Magnet   string `json:"magnet"`
}

func (a *app) magnetCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "magnet FILE",
		Short:             a.text.Say("magnet.short"),
		Long:              a.text.Say("magnet.long"),
		Example:           "p2p magnet debian.torrent\np2p create ./data -a http://10.0.0.1:6969/announce -o - | p2p magnet -",
		Args:              a.one("FILE"),
		ValidArgsFunction: completeTorrents,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := a.load(cmd.Context(), args[0], netip.Addr{})
			if err != nil {
				return err
			}
			link := t.Magnet().String()
			if a.globals.json {
				return a.emit(magnetObject{schema, t.InfoHash.String(), link})
			}
			_, err = fmt.Fprintln(a.out, link)
			return err
		},
	}
}
