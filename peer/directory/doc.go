// Package directory is the client of the central service at which people find each
// other: package tracker/directory serves it, beside the announces of a tracker.
//
//	c, err := directory.New(directory.Options{URL: "https://tracker.example", Device: device})
//	err = c.Register(ctx, "alice", password, account, extra, certificate)
//	...
//	err = c.Attend(ctx, directory.Attendance{Certificate: certificate, Tell: tell}) // until ctx ends
//
// The service gives names to accounts, keeps their certificates of devices, tells friends when they
// are there and at which addresses, and holds small sealed messages for who is away. It learns
// who is online and where, nothing of what is said.
//
// What it says is not believed for being said. A certificate is told to the caller only if its
// account has signed it, and a message only if a device of the sender has; so a
// directory that lies can withhold, and tell what was true once, but invents nobody. There
// is one thing that it can lie about, whose key belongs to a name: see identity.Safety, by which two
// people find out.
//
// What goes to the service and back is sealed for its key, over plain HTTP too. Who captures it sees that this machine talks to a
// directory, when, and about how much (package dirseal). The key is the one in the URL, else the first that the
// service shows; from then on another is refused with AnotherKeyError, and URL returns what to keep so that this holds the
// next time too. Who stands between at the very first contact, over plain HTTP, and without a key in the URL, can show his own,
// and is then what a directory that lies is, with what that can do and cannot. The vault of an account names the key too: who stands before a
// second device alone is found out as it logs in.
//
// The password never leaves this package. Argon2id makes two keys of it: one signs the request of a
// login, so that who listens has nothing to use again, the other seals the vault, in which the
// service keeps the account's key without being able to read it. The service names the cost of
// this, and the client refuses one that would make guessing cheap.
package directory
