// Package bench turns measurements into something to read: medians, tables, and
// charts as SVG and for a terminal. Package lab, below it, makes the
// measurements.
//
// Nothing here reads the clock, the environment or a file, so that every table
// and chart can be tested to the letter.
package bench
