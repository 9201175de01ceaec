package main

import (
	"os"
	"runtime/pprof"
)

// startProfile writes a CPU profile of this run to the file that --cpu-profile
// names, for bench profile and for whoever asks where the time goes.
func (a *app) startProfile() error {
	if a.globals.profile == "" {
		return nil
	}
	file, err := os.Create(a.globals.profile)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		file.Close()
		return err
	}
	a.stopProfile = func() {
		pprof.StopCPUProfile()
		file.Close()
	}
	return nil
}
