package api_test

import (
	"testing"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

func TestWhatSomebodyHasDoneToARoomIsSaidInWords(t *testing.T) {
	was := &p2pv1.RoomOptions{Name: "lab", Limit: 50}
	for i, c := range []struct {
		n      *p2pv1.Notice
		en, zh string
	}{
		{&p2pv1.Notice{Kind: p2pv1.Notice_KIND_CHANGED, Before: was, After: &p2pv1.RoomOptions{Name: "den", Limit: 50}}, "bob changed the room: name lab → den", "bob 更改了房间：名称 lab → den"},
		{&p2pv1.Notice{Kind: p2pv1.Notice_KIND_CHANGED, Before: was, After: &p2pv1.RoomOptions{Name: "lab", Limit: 9, History: -1, Open: true}},
			"bob changed the room: members at most 50 → 9, earlier messages for who joins all → none, every member may invite",
			"bob 更改了房间：成员上限 50 → 9，新成员可见的旧消息 全部 → 无，成员都可以邀请"},
		{&p2pv1.Notice{Kind: p2pv1.Notice_KIND_CHANGED, Text: "den", After: was}, "bob changed the room: den", "bob 更改了房间：den"}, // its beginning is not here
		{&p2pv1.Notice{Kind: p2pv1.Notice_KIND_LINKS_REVOKED}, "bob revoked all links into the room", "bob 撤销了进入此房间的所有链接"},
		{&p2pv1.Notice{Kind: p2pv1.Notice_KIND_DEVICE_JOINED}, "bob added a device", "bob 有了新设备"},
		{&p2pv1.Notice{Kind: p2pv1.Notice_KIND_ROLE, Name: "eve", Role: p2pv1.Role_ROLE_OWNER}, "bob gave eve the role owner", "bob 将 eve 设为房主"},
		{&p2pv1.Notice{Kind: p2pv1.Notice_KIND_INVITED, Name: "eve", Text: "den"}, "bob invited eve to the room den", "bob 邀请 eve 进入房间 den"},
	} {
		for want, say := range map[string]*text.Catalogue{c.en: text.English(), c.zh: text.Chinese()} {
			if got := api.ExplainNotice(say, "bob", c.n); got != want {
				t.Errorf("%d: it says %q", i, got)
			}
		}
	}
}
