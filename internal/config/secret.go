package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a string that no printer, encoder or logger shows.
type Secret string

const hidden = "[hidden]"

// Reveal returns the secret itself, for the request that needs it.
func (s Secret) Reveal() string { return string(s) }

func (Secret) String() string               { return hidden }
func (Secret) GoString() string             { return hidden }
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }
func (Secret) MarshalYAML() (any, error)    { return hidden, nil }
func (Secret) LogValue() slog.Value         { return slog.StringValue(hidden) }

// Format covers the verbs that do not ask String, such as %x.
func (Secret) Format(w fmt.State, _ rune) { io.WriteString(w, hidden) }

// The types that hold secrets print as under %v whatever the verb: a verb that
// does not suit a field behind a pointer makes fmt print it past its methods.

func (f File) Format(w fmt.State, _ rune)         { type plain File; show(w, plain(f)) }
func (s Source) Format(w fmt.State, _ rune)       { type plain Source; show(w, plain(s)) }
func (k Keys) Format(w fmt.State, _ rune)         { type plain Keys; show(w, plain(k)) }
func (r Role) Format(w fmt.State, _ rune)         { type plain Role; show(w, plain(r)) }
func (h Hop) Format(w fmt.State, _ rune)          { type plain Hop; show(w, plain(h)) }
func (o Organization) Format(w fmt.State, _ rune) { type plain Organization; show(w, plain(o)) }
func (d Discovery) Format(w fmt.State, _ rune)    { type plain Discovery; show(w, plain(d)) }
func (o Output) Format(w fmt.State, _ rune)       { type plain Output; show(w, plain(o)) }
func (a Alerts) Format(w fmt.State, _ rune)       { type plain Alerts; show(w, plain(a)) }
func (e Email) Format(w fmt.State, _ rune)        { type plain Email; show(w, plain(e)) }
func (h Webhook) Format(w fmt.State, _ rune)      { type plain Webhook; show(w, plain(h)) }

func show(w fmt.State, v any) { fmt.Fprintf(w, fmt.FormatString(w, 'v'), v) }
