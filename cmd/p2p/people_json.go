package main

import (
	"encoding/base64"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// emitMessage writes what the node said as one line of JSON: the fields of people.proto by their names, and
// kind as its message_type. Numbers are numbers, and an enum is its last word: "friend".
func (a *app) emitMessage(kind string, m proto.Message) error {
	fields := plainMessage(m.ProtoReflect())
	fields["message_type"] = kind
	return a.emit(fields)
}

// plainMessage returns the fields of m. Those that hold messages are there when they are set, all others always.
func plainMessage(m protoreflect.Message) map[string]any {
	fields := map[string]any{}
	all := m.Descriptor().Fields()
	for i := range all.Len() {
		f := all.Get(i)
		if f.HasPresence() && !m.Has(f) {
			continue
		}
		name, v := string(f.Name()), m.Get(f)
		switch {
		case f.IsList():
			list := make([]any, v.List().Len())
			for i := range list {
				list[i] = plainValue(f, v.List().Get(i))
			}
			fields[name] = list
		case f.IsMap():
			entries := map[string]any{}
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				entries[k.String()] = plainValue(f.MapValue(), v)
				return true
			})
			fields[name] = entries
		default:
			fields[name] = plainValue(f, v)
		}
	}
	return fields
}

func plainValue(f protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return plainMessage(v.Message())
	case protoreflect.EnumKind:
		return plainEnum(f.Enum(), v.Enum())
	case protoreflect.BytesKind:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	}
	return v.Interface()
}

// plainEnum returns the name of a value without that of its type, as "friend" for CONTACT_STATE_FRIEND, and "" for
// the zero value.
func plainEnum(e protoreflect.EnumDescriptor, n protoreflect.EnumNumber) string {
	value := e.Values().ByNumber(n)
	if n == 0 || value == nil { // nil: a newer node knows more
		return ""
	}
	zero := string(e.Values().ByNumber(0).Name())
	return strings.ToLower(strings.TrimPrefix(string(value.Name()), strings.TrimSuffix(zero, "UNSPECIFIED")))
}
