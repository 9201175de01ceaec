//go:build peerwip

package main

import "github.com/spf13/cobra"

func (a *app) swarmCommands() []*cobra.Command {
	return []*cobra.Command{a.getCommand(), a.seedCommand(), a.demoCommand()}
}
