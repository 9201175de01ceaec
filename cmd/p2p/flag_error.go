package main

import (
	"errors"

	"github.com/spf13/pflag"
)

// wanted are the messages that say what a flag takes, by its type.
var wanted = map[string]string{
	"int": "flag.takes.number", "int32": "flag.takes.number", "int64": "flag.takes.number", "intSlice": "flag.takes.number",
	"float64": "flag.takes.float", "bool": "flag.takes.bool", "SIZE": "flag.takes.size", "RATE": "flag.takes.rate", "DURATION": "flag.takes.duration",
	typeOfHistory: "flag.takes.history",
}

// flagProblem says what is wrong with a flag: the package that reads them knows one language.
func (a *app) flagProblem(err error) string {
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if e.GetSpecifiedShortnames() != "" {
			return a.text.Say("flag.unknown", "-"+e.GetSpecifiedName())
		}
		return a.text.Say("flag.unknown", "--"+e.GetSpecifiedName())
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return a.text.Say("flag.needs_value", "--"+e.GetFlag().Name)
	}
	if e, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		return a.text.Say("flag.unknown", e.GetSpecifiedFlag())
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return a.text.Say("flag.bad_value", "--"+e.GetFlag().Name, a.takes(e.GetFlag(), e.Unwrap()), e.GetValue())
	}
	return err.Error()
}

// takes says what a flag takes; of a type with a language of its own, what that said.
func (a *app) takes(f *pflag.Flag, err error) string {
	if key, known := wanted[f.Value.Type()]; known {
		return a.text.Say(key)
	}
	return err.Error()
}
