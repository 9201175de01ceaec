// Package udpwire is the codec of the UDP tracker protocol (BEP 15) with its
// IPv6 form and the options of BEP 41, for both sides: a tracker parses requests
// and appends responses, a client appends requests and parses responses.
//
//	client                         tracker
//	ConnectRequest.AppendTo   ->   ParseHeader, ParseConnectRequest
//	ParseConnectResponse      <-   ConnectResponse.AppendTo
//	AnnounceRequest.AppendTo  ->   ParseHeader, ParseAnnounceRequest
//	ParseAnnounceResponse     <-   AnnounceResponse.AppendTo
//	ScrapeRequest.AppendTo    ->   ParseHeader, ParseScrapeRequest
//	ParseScrapeResponse       <-   ScrapeResponse.AppendTo
//	ParseErrorResponse        <-   ErrorResponse.AppendTo
//
// The package is pure: it opens no socket, draws no random numbers and asks for no time.
// Parsing a request allocates nothing; what a parsed value shares with the
// packet is named in its comment. Integers are big-endian. BEP 15: "Do not
// expect packets to be exactly of a certain size": extra bytes are no error.
//
// It does not make or check connection ids: they belong to the tracker, see
// package udpfront.
package udpwire
