package main

import (
	"context"
	"errors"
	"os/exec"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// exitOf gives the codes of calls that fail their exit codes.
var exitOf = map[connect.Code]int{
	connect.CodeNotFound: exitNotFound, connect.CodeAlreadyExists: exitExists, connect.CodeUnavailable: exitNetwork,
	connect.CodePermissionDenied: exitRefused, connect.CodeUnauthenticated: exitRefused,
	connect.CodeInvalidArgument: exitUsage, connect.CodeDeadlineExceeded: exitUnfinished,
	connect.CodeFailedPrecondition: exitFirst, connect.CodeResourceExhausted: exitFull,
}

// exitOfReason gives reasons and problems the exit codes that the code of their call does not tell.
var exitOfReason = map[string]int{
	api.KeyChanged: exitDoubt, api.NumberDiffers: exitDoubt, api.MemberInDoubt: exitDoubt,
	api.Removed: exitRefused, api.RemovedBy: exitRefused, api.BroughtInVain: exitRefused, api.RemovedYou: exitRefused, api.YouLeft: exitRefused, api.YouRemoved: exitRefused, api.RoomClosed: exitRefused,
	api.LinkExpired: exitRefused, api.LinkRevoked: exitRefused, api.LinkPowerless: exitRefused, api.LinkRefused: exitRefused,
	api.NoSuchPath: exitNotFound, api.NoFile: exitNotFound, api.FileGone: exitNotFound, api.OfferBack: exitNotFound,
	api.OutcomeUnknown: exitUnknown, api.FileBusy: exitBusy, api.FileElsewhere: exitBusy, api.FileInTheWay: exitExists,
	api.DiskFull: exitDiskFull, api.NoSpace: exitDiskFull, api.NotPermitted: exitIO, api.FileChanging: exitIO,
	api.FileChanged: exitMismatch, api.NotAsOffered: exitMismatch,
}

// reasonCode returns the exit code of a reason that has one of its own, else code.
func reasonCode(r *p2pv1.Reason, code int) int {
	if own, ok := exitOfReason[r.GetKey()]; ok {
		return own
	}
	return code
}

// nodeFailure says what an error of a call, or of getting to the node, means.
func (a *app) nodeFailure(ctx context.Context, err error) error {
	if err == nil || as[*failure](err) { // which says what its call's error means
		return err
	}
	if e, ok := errors.AsType[*api.StartError](err); ok {
		return &failure{code: startCode(e), text: api.Explain(a.text, e), err: e}
	}
	e, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return stopCause(ctx, err)
	}
	if e.Code() == connect.CodeCanceled && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &failure{code: callCode(e), text: api.Explain(a.text, err), err: err}
}

// callCode returns the exit code of a call that has failed.
func callCode(e *connect.Error) int {
	code, known := exitOf[e.Code()]
	switch {
	case api.Gone(e):
		code = exitNetwork
	case !known:
		code = exitOther
	}
	return reasonCode(api.ReasonOf(e), code)
}

// startCode returns the exit code of the node that did not come up, where it says what was wrong: its history has a passphrase,
// the disk is full. What was wrong with a command line is not, since nobody has written that one.
func startCode(e *api.StartError) int {
	if ended, ok := errors.AsType[*exec.ExitError](e); ok && ended.ExitCode() > exitUsage && ended.ExitCode() < exitSignal {
		return ended.ExitCode()
	}
	return exitOther
}
