package main

import (
	"p2p/peer/ext"
	"p2p/peer/ext/metadata"
	"p2p/peer/ext/pex"
)

// extensions returns what our peers speak past the core. Nowhere else is an
// extension named.
func extensions() []ext.Extension {
	return []ext.Extension{metadata.Extension{}, pex.Extension{}}
}
