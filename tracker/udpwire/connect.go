package udpwire

import (
	"encoding/binary"
	"fmt"
)

// ConnectSize is the length of a connect request and of its response: they are
// equally long, so a connect with a forged source address gains nothing.
const ConnectSize = 16

// ConnectRequest asks a tracker for a connection id.
//
// 8B protocol id + 4B action 0 + 4B transaction id
type ConnectRequest struct {
	TransactionID uint32
}

// ParseConnectRequest reads a connect request.
func ParseConnectRequest(b []byte) (ConnectRequest, error) {
	h, err := parseRequest(b, Connect)
	if err != nil {
		return ConnectRequest{}, err
	}
	if h.ConnectionID != ProtocolID {
		return ConnectRequest{}, fmt.Errorf("%w: connect request without the protocol id", ErrMalformed)
	}
	return ConnectRequest{TransactionID: h.TransactionID}, nil
}

// AppendTo appends r to dst.
func (r ConnectRequest) AppendTo(dst []byte) []byte {
	return Header{ConnectionID: ProtocolID, Action: Connect, TransactionID: r.TransactionID}.appendTo(dst)
}

// ConnectResponse hands out a connection id. BEP 15: "A client can use a
// connection ID until one minute after it has received it. Trackers should
// accept the connection ID until two minutes after it has been send."
//
// 4B action 0 + 4B transaction id + 8B connection id
type ConnectResponse struct {
	TransactionID uint32
	ConnectionID  uint64
}

// ParseConnectResponse reads a connect response.
func ParseConnectResponse(b []byte) (ConnectResponse, error) {
	h, err := parseResponse(b, Connect, ConnectSize)
	if err != nil {
		return ConnectResponse{}, err
	}
	return ConnectResponse{
		TransactionID: h.TransactionID,
		ConnectionID:  binary.BigEndian.Uint64(b[8:]),
	}, nil
}

// AppendTo appends r to dst.
func (r ConnectResponse) AppendTo(dst []byte) []byte {
	dst = ResponseHeader{Action: Connect, TransactionID: r.TransactionID}.appendTo(dst)
	return binary.BigEndian.AppendUint64(dst, r.ConnectionID)
}
