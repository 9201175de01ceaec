package directory

// Hear is hear.
func (d *Directory) Hear(b []byte) { d.hear(b) }
