// Package p2pv1connect is the client and the server of p2pv1's service, made from
// people.proto too. Both speak gRPC, gRPC-Web and plain HTTP with JSON.
package p2pv1connect
