package bench

import (
	"fmt"
	"strings"
)

// Stack returns charts below each other as one SVG document.
func Stack(charts ...Chart) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n",
		svgWidth, svgHeight*len(charts), svgWidth, svgHeight*len(charts))
	for i, c := range charts {
		fmt.Fprintf(&b, "<g transform=\"translate(0 %d)\">\n%s</g>\n", i*svgHeight, c.SVG())
	}
	b.WriteString("</svg>\n")
	return b.String()
}
