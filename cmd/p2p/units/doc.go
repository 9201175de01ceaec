// Package units reads and writes the quantities of the command line: sizes,
// rates and durations.
//
// K, M, G and T are powers of 1024, as in aria2 and rclone; kB, MB, GB and TB
// are powers of 1000; KiB, MiB, GiB and TiB are powers of 1024 in every
// spelling. A rate is bytes a second, also when it is a bare number, and may be
// given in bits: 10Mbit. For a limit, 0 and off both mean that there is none.
//
// The three types implement pflag.Value, so they are flags as they stand. All
// functions are pure and may be called from any goroutine.
package units
