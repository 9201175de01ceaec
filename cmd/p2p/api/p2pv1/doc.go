// Package p2pv1 is the interface of a node in Go, made from people.proto by Debian's protobuf-compiler and two plugins,
// which are of the versions that go.mod has:
//
//	go install google.golang.org/protobuf/cmd/protoc-gen-go connectrpc.com/connect/cmd/protoc-gen-connect-go
//	protoc -I . --go_out=. --go_opt=module=p2p --connect-go_out=. --connect-go_opt=module=p2p cmd/p2p/api/p2pv1/people.proto
//
// ".ci/run proto" says whether that was forgotten.
package p2pv1
