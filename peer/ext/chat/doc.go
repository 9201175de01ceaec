// Package chat is conversations on the peer wire: the extension p2_chat, and Talk, which is one conversation on
// this device. Package room has the rules, package history the store, package body what is said.
package chat
