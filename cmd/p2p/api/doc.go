// Package api serves the node of a profile to the programs of the person whose it is, and brings those
// programs to it. What they say to each other is in package p2pv1.
//
// There is one node per profile: Listen takes the profile's lock. It answers on a Unix socket in the
// profile's folder that only its own user can open and, where there are none or somebody asked for
// it, on the loopback network as well. There every program of the machine can knock, and so can
// every web page in the user's browser: such a request needs the token from a file that only the user can
// read, and must name us as its Host and, if a page made it, as its Origin; a page of someone else that
// was served under a name which now leads to 127.0.0.1 (DNS rebinding) names that instead. The
// same port speaks gRPC, gRPC-Web and Connect, which is JSON for whoever likes, with server
// reflection.
//
// Attach finds the node, or starts one as a process of its own that outlives the program that needed it.
package api
