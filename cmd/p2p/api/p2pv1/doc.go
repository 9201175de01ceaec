// Package p2pv1 is the interface of a node in Go, made from people.proto by
//
//	protoc -I . --go_out=. --go_opt=module=p2p --connect-go_out=. --connect-go_opt=module=p2p cmd/p2p/api/p2pv1/people.proto
package p2pv1
