package people

import (
	"context"
	"errors"
	"io/fs"
	"strconv"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/space"
	"p2p/peer/directory"
	"p2p/peer/ext/chat"
	"p2p/peer/ext/chat/history"
)

// The codes of RPC that calls end with, by what a program can do about it.
const (
	missing = connect.CodeNotFound           // there is no such thing
	failed  = connect.CodeFailedPrecondition // something else has to be done first
	denied  = connect.CodePermissionDenied   // nothing, with this role
	exists  = connect.CodeAlreadyExists
	full    = connect.CodeResourceExhausted
	away    = connect.CodeUnavailable // try again later
	invalid = connect.CodeInvalidArgument
	unknown = connect.CodeUnauthenticated
)

const reasonStopping = api.Stopping

// fail returns the error of a call.
func fail(code connect.Code, key string, with ...string) error { return api.Fail(code, key, with...) }

// failure turns an error of the packages below into that of a call.
func failure(err error) error {
	slow := (*directory.SlowError)(nil)
	switch {
	case err == nil:
		return nil
	case api.ReasonOf(err) != nil:
		return err
	case space.Full(err):
		return fail(full, api.DiskFull)
	case errors.Is(err, history.ErrClosed), errors.Is(err, chat.ErrClosed):
		return fail(away, api.Stopping)
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, err)
	case errors.Is(err, chat.ErrNotAllowed):
		return fail(denied, api.NotAllowed)
	case errors.Is(err, chat.ErrNotJoined):
		return fail(failed, api.NotMember)
	case errors.As(err, &slow):
		return fail(full, api.TooManyTries, "seconds", strconv.Itoa(int(slow.RetryIn.Seconds())+1))
	case errors.Is(err, directory.ErrTaken):
		return fail(exists, api.NameTaken)
	case errors.Is(err, directory.ErrNoPerson):
		return fail(missing, api.NoSuchPerson)
	case errors.Is(err, directory.ErrPassword):
		return fail(unknown, api.WrongPassword)
	case errors.Is(err, directory.ErrWeakPassword):
		return fail(invalid, api.WeakPassword, "min", strconv.Itoa(directory.MinPassword))
	case errors.Is(err, directory.ErrFull):
		return fail(full, api.MailboxFull)
	case errors.Is(err, directory.ErrTooMany):
		return fail(full, api.TooMany)
	case errors.Is(err, errNoDirectory):
		return fail(failed, api.NoDirectory)
	case errors.Is(err, directory.ErrUnavailable), errors.Is(err, directory.ErrUntrusted):
		return unreachable("", err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		path := ""
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			path = e.Path
		}
		return fail(invalid, api.NoSuchPath, "path", path)
	}
	return fail(connect.CodeInternal, causeOf(err), "detail", err.Error())
}

// stored turns an error of a write into that of a call.
func stored(err error) error {
	if errors.Is(err, chat.ErrStore) {
		return fail(full, api.DiskFull)
	}
	return failure(err)
}
