// Package dirseal seals what a client and a directory say to each other, whatever carries it: HPKE (RFC 9180) for the
// request, and for the answer a key that is exported of the same context, as Oblivious HTTP does (RFC 9458, section 4).
// The key of the service is X25519 and ML-KEM-768 together, so that what is recorded today is not read by the quantum
// computer of later; the cipher is ChaCha20-Poly1305.
//
//	request   1120B encapsulated key + the frame of a Request, sealed
//	answer    32B drawn at random + the frame of an Answer, sealed
//
// Frames are filled up to one of a few sizes, each four times the one before, from 256 bytes on.
//
// # What a capture shows
//
// That somebody talks to a directory, from which address, when, how often, and how much to within a factor of four: so one who
// looks for a name looks like one who is just there, but a list of 300 friends is longer than one of 3. Neither names
// nor keys of people, nor which method is asked for, nor whether it succeeded.
//
// # What somebody between can do
//
// Who has the key of the service from elsewhere (from before, or as the Print in an address) is safe: another is
// refused. At the very first contact, over plain HTTP, there is nothing to compare with: who stands between then can show
// his own key, read all and pass it on, as a directory that lies could; of what that is worth the package docs of
// peer/directory speak. He has to stay there, or be found out. He can cut, delay and refuse at any time.
//
// A request that is sent again is opened again. That gives the one who does it nothing: the answer is sealed under a key that
// he does not have; what changes anything carries a proof that counts once (package dirwire) or is a certificate, which changes
// nothing the second time; and he uses up the allowance of his own address. From the length of the
// answer he can tell, to within a factor of four, how much is found now under a name that he does not know.
//
// There is no forward secrecy towards the service: who steals its key, which lies in its ledger, reads what he has
// recorded.
//
// The package is not pure: encapsulation draws a key of its own.
package dirseal
