package terminal

import (
	"context"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
)

// ask sends a request to the node by the method that takes it.
func ask(ctx context.Context, c p2pv1connect.PeopleClient, request proto.Message) (proto.Message, error) {
	switch r := request.(type) {
	case *p2pv1.WhoamiRequest:
		return unary(ctx, r, c.Whoami)
	case *p2pv1.SetPresenceRequest:
		return unary(ctx, r, c.SetPresence)
	case *p2pv1.ListDevicesRequest:
		return unary(ctx, r, c.ListDevices)
	case *p2pv1.ListContactsRequest:
		return unary(ctx, r, c.ListContacts)
	case *p2pv1.AddContactRequest:
		return unary(ctx, r, c.AddContact)
	case *p2pv1.AnswerContactRequest:
		return unary(ctx, r, c.AnswerContact)
	case *p2pv1.RenameContactRequest:
		return unary(ctx, r, c.RenameContact)
	case *p2pv1.RemoveContactRequest:
		return unary(ctx, r, c.RemoveContact)
	case *p2pv1.VerifyContactRequest:
		return unary(ctx, r, c.VerifyContact)
	case *p2pv1.InviteRequest:
		return unary(ctx, r, c.Invite)
	case *p2pv1.ListConversationsRequest:
		return unary(ctx, r, c.ListConversations)
	case *p2pv1.CreateRoomRequest:
		return unary(ctx, r, c.CreateRoom)
	case *p2pv1.JoinRoomRequest:
		return unary(ctx, r, c.JoinRoom)
	case *p2pv1.LeaveRoomRequest:
		return unary(ctx, r, c.LeaveRoom)
	case *p2pv1.ChangeMemberRequest:
		return unary(ctx, r, c.ChangeMember)
	case *p2pv1.ChangeRoomRequest:
		return unary(ctx, r, c.ChangeRoom)
	}
	return askMessages(ctx, c, request)
}

// askMessages is the part of ask for messages and files.
func askMessages(ctx context.Context, c p2pv1connect.PeopleClient, request proto.Message) (proto.Message, error) {
	switch r := request.(type) {
	case *p2pv1.SendRequest:
		return unary(ctx, r, c.Send)
	case *p2pv1.EditRequest:
		return unary(ctx, r, c.Edit)
	case *p2pv1.DeleteRequest:
		return unary(ctx, r, c.Delete)
	case *p2pv1.ReactRequest:
		return unary(ctx, r, c.React)
	case *p2pv1.ListMessagesRequest:
		return unary(ctx, r, c.ListMessages)
	case *p2pv1.SearchRequest:
		return unary(ctx, r, c.Search)
	case *p2pv1.MarkReadRequest:
		return unary(ctx, r, c.MarkRead)
	case *p2pv1.TypingRequest:
		return unary(ctx, r, c.Typing)
	case *p2pv1.SaveDraftRequest:
		return unary(ctx, r, c.SaveDraft)
	case *p2pv1.OfferRequest:
		return unary(ctx, r, c.Offer)
	case *p2pv1.AcceptRequest:
		return unary(ctx, r, c.Accept)
	case *p2pv1.CancelRequest:
		return unary(ctx, r, c.Cancel)
	case *p2pv1.ListTransfersRequest:
		return unary(ctx, r, c.ListTransfers)
	}
	panic(fmt.Sprintf("terminal: no method takes a %T", request))
}

// message is a pointer to R that is a protobuf message.
type message[R any] interface {
	*R
	proto.Message
}

func unary[Q, R any, P message[R]](ctx context.Context, q *Q, method func(context.Context, *connect.Request[Q]) (*connect.Response[R], error)) (proto.Message, error) {
	response, err := method(ctx, connect.NewRequest(q))
	if err != nil {
		return nil, err
	}
	return P(response.Msg), nil
}
