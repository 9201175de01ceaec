package main

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/text"
)

// parsed returns the syntax of the files that match, without tests.
func parsed(t *testing.T, pattern string) (all []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// constants calls f for every constant that the files give a value of its own.
func constants(files []*ast.File, f func(name string, value ast.Expr)) {
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
				for i, name := range spec.Names {
					f(name.Name, spec.Values[i])
				}
			}
			return true
		})
	}
}

func TestTheHelpExplainsEveryExitCodeAndNoOther(t *testing.T) {
	var want []int
	constants(parsed(t, "exit.go"), func(name string, value ast.Expr) {
		if lit, ok := value.(*ast.BasicLit); ok && strings.HasPrefix(name, "exit") && name != "exitSignal" {
			code, err := strconv.Atoi(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, code)
		}
	})
	want = append(want, exitSignal+2, exitPipe, exitSignal+15)
	if len(want) < 20 {
		t.Fatalf("the code has %v only", want)
	}
	for _, c := range []*text.Catalogue{text.English(), text.Chinese()} {
		a := &app{shell: &shell{env: func(string) string { return "" }}, text: c}
		var got []int
		for _, row := range regexp.MustCompile(`(?m)^ +([0-9]+)  \S`).FindAllStringSubmatch(a.exitCodes(), -1) {
			code, _ := strconv.Atoi(row[1])
			got = append(got, code)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the help explains %v; the program ends with %v", got, want)
		}
	}
}

// Whatever the node refuses has a code that a script can branch on: 1 says no more than that something is wrong.
func TestEveryRefusalOfTheNodeHasAnExitCodeOfItsOwn(t *testing.T) {
	keys := map[string]string{}
	constants(parsed(t, "api/*.go"), func(name string, value ast.Expr) {
		if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			keys[name], _ = strconv.Unquote(lit.Value)
		}
	})
	codes := map[string]connect.Code{
		"missing": connect.CodeNotFound, "failed": connect.CodeFailedPrecondition, "denied": connect.CodePermissionDenied, "exists": connect.CodeAlreadyExists,
		"full": connect.CodeResourceExhausted, "away": connect.CodeUnavailable, "invalid": connect.CodeInvalidArgument, "unknown": connect.CodeUnauthenticated,
	}
	refusals := map[string]int{} // by reason
	for _, f := range parsed(t, "people/*.go") {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			by, _ := call.Fun.(*ast.Ident)
			code, _ := call.Args[0].(*ast.Ident)
			why, _ := call.Args[1].(*ast.SelectorExpr)
			if by == nil || by.Name != "fail" || code == nil || why == nil {
				return true
			}
			e, _ := errors.AsType[*connect.Error](api.Fail(codes[code.Name], keys[why.Sel.Name]))
			if codes[code.Name] == 0 || keys[why.Sel.Name] == "" {
				t.Fatalf("what is fail(%s, %s)?", code.Name, why.Sel.Name)
			}
			exit := callCode(e)
			if before, ok := refusals[why.Sel.Name]; ok && before != exit {
				t.Errorf("%s ends with %d and with %d", why.Sel.Name, before, exit)
			}
			refusals[why.Sel.Name] = exit
			return true
		})
	}
	if len(refusals) < 50 {
		t.Fatalf("the node refuses for %v only", slices.Sorted(maps.Keys(refusals)))
	}
	for _, why := range []string{api.Removed, api.RemovedBy, api.RemovedYou, api.RoomFull, api.LinkExpired, api.LinkRevoked, api.LinkPowerless, api.LinkRefused} {
		e, _ := errors.AsType[*connect.Error](api.Refused(api.Problem(why))) // later, by an event
		refusals[why] = callCode(e)
	}
	for why, exit := range refusals {
		if exit == exitOther || exit == exitDone {
			t.Errorf("%s ends with %d", why, exit)
		}
	}
	for why := range exitOfReason {
		if !slices.Contains(api.Reasons(), why) {
			t.Errorf("%s is the reason of nothing", why)
		}
	}
}
