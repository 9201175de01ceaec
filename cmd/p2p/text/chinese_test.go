package text_test

import (
	"regexp"
	"strings"
	"testing"

	"p2p/cmd/p2p/text"
)

// terms are the words for each thing in Chinese, and those that would make two things of one.
var terms = []struct {
	word string // for
	not  []string
}{
	{"你", []string{"您"}},
	{"房主", []string{"所有者", "群主"}},
	{"核对", []string{"验证", "已确认身份"}}, // of safety numbers; 校验 is done to files
	{"账号", []string{"账户", "帐号", "帐户"}},
	{"配置", []string{"档案", "配置档", "个人资料"}},  // a profile
	{"目录服务", []string{"名录", "目录里", "目录中"}}, // 文件夹 is a folder
	{"房间", []string{"聊天室", "群聊"}},
	{"会话", []string{"对话"}},
	{"联系人", []string{"好友", "联络人"}},
	{"屏蔽", []string{"拉黑", "黑名单", "解除屏蔽"}},
	{"安全码", []string{"安全号码", "安全数字", "安全编号"}},
	{"移出", []string{"移除"}}, // somebody from a room; a contact is 删除
	{"分享", []string{"共享"}},
	{"登录", []string{"登陆", "登入"}},
	{"退出登录", []string{"注销", "登出"}},
	{"口令", []string{"密语", "口令短语"}}, // a passphrase; 密码 is a password
	{"Tracker", []string{"追踪器", "跟踪器"}},
	{"撤销", []string{"吊销"}}, // a device, a link
}

func TestChineseHasOneWordForEachThing(t *testing.T) {
	text.Chinese().Each(func(key, message string) {
		for _, term := range terms {
			for _, not := range term.not {
				if strings.Contains(message, not) {
					t.Errorf("%s says %s; the word is %s: %s", key, not, term.word, message)
				}
			}
		}
	})
}

// A mark of ASCII beside a Chinese character is half as wide as it should be. Examples of commands and JSON keep theirs.
var halfWidth = regexp.MustCompile(`\p{Han}[,;!?]|\p{Han}:[^/\d端]|[,;!?] ?\p{Han}|\p{Han}[()]|[()]\p{Han}|\p{Han}\.( |$)|[\p{Han}，。；：、] “|” \p{Han}`)

func TestMarksBetweenChineseCharactersAreAsWideAsThose(t *testing.T) {
	text.Chinese().Each(func(key, message string) {
		for line := range strings.Lines(message) {
			if m := halfWidth.FindString(line); m != "" {
				t.Errorf("%s: %q in %s", key, m, line)
			}
		}
	})
}

func TestAListIsWrittenAsTheLanguageDoes(t *testing.T) {
	for want, c := range map[string]*text.Catalogue{"a, b, c": text.English(), "a、b、c": text.Chinese()} {
		if got := c.List([]string{"a", "b", "c"}); got != want || c.List(nil) != "" || c.List([]string{"a"}) != "a" {
			t.Errorf("it is %q, want %q", got, want)
		}
	}
}
