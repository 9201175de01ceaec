//go:build !peerwip

package main

import "github.com/spf13/cobra"

func (a *app) swarmCommands() []*cobra.Command { return nil }
