package httpfront

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// languages are those of the page, in the order of vocabulary. The first is for
// who asks for none of them.
var languages = []string{"en", "zh"}

// vocabulary is the text of the page.
var vocabulary = map[string][2]string{
	"language":       {"Language", "语言"},
	"up":             {"Up for", "已运行"},
	"version":        {"version", "版本"},
	"units":          {"d h min s", "天 小时 分 秒"},
	"pause":          {"Pause", "暂停"},
	"resume":         {"Resume", "继续"},
	"lost":           {"No answer since", "无响应，自"},
	"now":            {"now", "现在"},
	"minutes":        {"min", "分钟"},
	"latest":         {"latest", "最新"},
	"highest":        {"highest", "最高"},
	"peers":          {"Peers", "节点"},
	"swarms":         {"Swarms", "群组"},
	"seeders":        {"Seeders", "做种者"},
	"leechers":       {"Leechers", "下载者"},
	"completed":      {"Completed", "完成"},
	"seeding":        {"seeding", "正在做种"},
	"peers_each":     {"peers each", "个节点/群组"},
	"announces":      {"Announces", "Announce"},
	"scrapes":        {"Scrapes", "Scrape"},
	"announces_rate": {"Announces per second", "每秒 Announce"},
	"scrapes_rate":   {"Scrapes per second", "每秒 Scrape"},
	"five_minutes":   {"over five minutes", "（五分钟平均）"},
	"requests_rate":  {"Requests per second", "每秒请求"},
	"half_hour":      {"last half hour", "最近半小时"},
	"as_table":       {"The last half hour as a table", "以表格显示最近半小时"},
	"minutes_ago":    {"Minutes ago", "分钟前"},
	"sizes":          {"Swarms by number of peers", "按节点数统计的群组"},
	"shares":         {"Shares", "占比"},
	"memory":         {"Memory", "内存"},
	"limit":          {"of", "上限"},
	"requests":       {"Requests", "请求"},
	"since_start":    {"since the start", "自启动以来"},
	"connects":       {"Connection ids", "连接标识"},
	"refused":        {"Refused and dropped", "拒绝与丢弃"},
	"cause":          {"Cause", "原因"},
	"count":          {"Number", "数量"},
	"cause.other":    {"Refused for other reasons", "拒绝：其他原因"},
	"cause.address":  {"No reachable address", "拒绝：地址不可达"},
	"cause.full":     {"No room left", "拒绝：空间已满"},
	"cause.banned":   {"Banned", "拒绝：已封禁"},
	"cause.rate":     {"Too many requests", "拒绝：请求过多"},
	"cause.passkey":  {"Passkey missing or not valid", "拒绝：密钥缺失或无效"},
	"cause.unlisted": {"Torrent not allowed", "拒绝：种子不在名单"},
	"malformed":      {"Malformed requests", "格式错误的请求"},
	"unverified":     {"Packets without a valid connection id", "连接标识无效的数据包"},
	"dropped":        {"Answers that the system did not take", "系统未接收的回复"},
	"failed":         {"Failed in the tracker", "Tracker 内部失败"},
	"evicted":        {"Lone peers that made room for others", "为他人让出空间的单节点群组"},
	"replaced":       {"Peers replaced by others of their address", "被同一地址替换的节点"},
	"top":            {"Largest swarms", "最大的群组"},
	"hash":           {"Info-hash", "Info-hash"},
	"nodes":          {"Other nodes", "其他 Tracker"},
	"node":           {"Node", "名称"},
	"state":          {"State", "状态"},
	"silent":         {"Last heard", "上次联络"},
	"node.well":      {"in step", "同步"},
	"node.behind":    {"catching up", "追赶中"},
	"node.gone":      {"silent", "失联"},
	"programs":       {"For programs:", "供程序使用："},
}

// word returns a text of the page.
func word(lang, key string) (string, error) {
	all, ok := vocabulary[key]
	if !ok {
		return "", fmt.Errorf("the page has no text %q", key)
	}
	return all[slices.Index(languages, lang)], nil
}

// language returns one of languages: the one that was asked for, or else what the
// browser likes best (Accept-Language, RFC 9110).
func language(asked, accept string) string {
	if slices.Contains(languages, asked) {
		return asked
	}
	best, most := languages[0], 0.0
	for choice := range strings.SplitSeq(accept, ",") {
		tag, weight, weighed := strings.Cut(strings.TrimSpace(choice), ";")
		q := 1.0
		if weighed {
			var err error
			if q, err = strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64); err != nil || !(q <= 1) {
				continue
			}
		}
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if q > most && slices.Contains(languages, primary) {
			best, most = primary, q
		}
	}
	return best
}
