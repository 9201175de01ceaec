package udpwire

// maxMessage bounds the text of an error that a parser keeps, in bytes. No
// datagram that a tracker sends is longer.
const maxMessage = 2048

// ErrorResponse tells a client why its request failed.
//
// 4B action 3 + 4B transaction id + message
type ErrorResponse struct {
	TransactionID uint32
	// Message is what the tracker says, for a person. On the client's side it
	// is foreign text: escape it before it reaches a terminal or a log.
	Message string
}

// ParseErrorResponse reads an error response; Message is cut at 2048 bytes.
func ParseErrorResponse(b []byte) (ErrorResponse, error) {
	h, err := parseResponse(b, Error, responseHeaderSize)
	if err != nil {
		return ErrorResponse{}, err
	}
	message := b[responseHeaderSize:]
	return ErrorResponse{TransactionID: h.TransactionID, Message: string(message[:min(len(message), maxMessage)])}, nil
}

// AppendTo appends r to dst.
func (r ErrorResponse) AppendTo(dst []byte) []byte {
	dst = ResponseHeader{Action: Error, TransactionID: r.TransactionID}.appendTo(dst)
	return append(dst, r.Message...)
}
