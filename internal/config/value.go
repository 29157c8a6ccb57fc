package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
)

// shape is a mapping: its keys, bound to where their values go, and what must
// hold between them. Decoder, defaults, JSON Schema and starter file all come
// from it.
type shape struct {
	name    string // in the JSON Schema
	keys    []entry
	choices []choice
	needs   []need
	done    func(r *reader, key string) // derives and checks what takes several keys
}

// entry is one key of a mapping.
type entry struct {
	key      string
	value    value
	required bool
	def      any    // as written in the file; nil is none
	sample   any    // for the starter file, where there is no default
	doc      string // a noun phrase; completes "expected …" when a required key is missing
}

func (k entry) sentence() string { return strings.ToUpper(k.doc[:1]) + k.doc[1:] + "." }

// choice is a set of keys of which no two go together.
type choice struct {
	keys     []string
	required bool // one must be there
}

// need says that a key makes sense only beside another one.
type need struct{ key, other string }

func (s shape) names() []string {
	names := make([]string, len(s.keys))
	for i, k := range s.keys {
		names[i] = k.key
	}
	return names
}

// value is a place in the configuration, bound to a variable of the program.
type value interface {
	read(r *reader, n ast.Node, key string)
	unset(def any) // the key is absent
	schema(defs map[string]any) map[string]any
	inner() (shape, bool) // of a mapping, or of the items of a list of mappings
}

// scalar is a single YAML value.
type scalar struct {
	kinds  []ast.NodeType // besides a reference to the environment, which is text
	expect string
	hint   string // for a value of the right kind that does not fit
	bare   string // hint for a number or boolean in place of text
	hide   bool   // messages do not show it
	refuse bool   // literal text only in a file that others cannot read
	json   map[string]any
	store  func(text string) bool                   // false: does not fit
	check  func(r *reader, key, text, found string) // found is the text as messages may show it
}

func (s scalar) inner() (shape, bool) { return shape{}, false }

func (s scalar) unset(def any) {
	if def != nil && !s.store(fmt.Sprint(def)) {
		panic(fmt.Sprintf("default %v is not %s", def, s.expect))
	}
}

func (s scalar) read(r *reader, n ast.Node, key string) {
	text, kind := content(n), kindOf(n)
	refers := slices.Contains(textKinds, kind) && strings.Contains(text, "${")
	if !refers && !slices.Contains(s.kinds, kind) {
		r.mismatch(n, key, s.expect, s.bare, s.hide)
		return
	}
	if s.refuse && r.exposed && referencePattern.FindString(text) != text {
		r.problem(key, "a secret in a file that others can read", "a reference such as ${NAME}", "or take the file from others: chmod 600 "+r.file)
		return
	}
	found := describe(n, false)
	if refers {
		expanded, ok := r.expand(key, text)
		if !ok {
			return
		}
		// What the environment holds is not shown, since it may be a secret
		// under the wrong name.
		found, text = fmt.Sprintf("%s, of length %d once expanded", shown(text), utf8.RuneCountInString(expanded)), expanded
	}
	if s.hide {
		found = outline(text)
	}
	if !s.store(text) {
		r.problem(key, found, s.expect, s.hint)
	} else if s.check != nil {
		s.check(r, key, text, found)
	}
}

// schema admits a reference to the environment beside the value itself.
func (s scalar) schema(defs map[string]any) map[string]any {
	defs["environment"] = map[string]any{
		"type": "string", "pattern": referencePattern.String(),
		"description": "Text with references to environment variables, expanded when the file is read.",
	}
	return map[string]any{"anyOf": []any{s.json, reference("environment")}}
}

func reference(name string) map[string]any { return map[string]any{"$ref": "#/$defs/" + name} }

var textKinds = []ast.NodeType{ast.StringType, ast.LiteralType}

func text(p *string, ru rule) scalar {
	return scalar{kinds: textKinds, expect: ru.expect, hint: ru.hint, bare: "write it in quotes", json: ru.schema(), store: func(s string) bool {
		if !ru.fits(s) {
			return false
		}
		*p = s
		return true
	}}
}

func secret(p *Secret, ru rule) scalar {
	s := text((*string)(p), ru)
	s.hide = true
	return s
}

// guarded is a secret that a file others can read must not hold.
func guarded(p *Secret, ru rule) scalar {
	s := secret(p, ru)
	s.refuse = true
	return s
}

// place is a local folder or a place on S3; a path of the second kind loses
// the slash at its end.
func place(p *string) scalar {
	s := text(p, localPath)
	s.expect = localPath.expect + ", or s3://BUCKET/PREFIX"
	s.hint = "a bucket has 3 to 63 lower-case letters, digits, dots and hyphens, a prefix letters, digits, _, . and -; for the home directory write ${HOME}/…"
	s.json = map[string]any{"anyOf": []any{localPath.schema(), bucketURL.schema()}}
	local := s.store
	s.store = func(v string) bool {
		if bucketURL.fits(v) {
			*p = strings.TrimSuffix(v, "/")
			return true
		}
		return local(v)
	}
	return s
}

// located is a region name or a role ARN, which tells a partition.
func located(p *string, ru rule) scalar {
	s := text(p, ru)
	s.check = func(r *reader, key, text, _ string) {
		if name := partitionOf(text); name != "" {
			r.clues = append(r.clues, clue{key, name})
		}
	}
	return s
}

// verified is text that code must accept too.
func verified(p *string, ru rule, accept func(r *reader, text string) error) scalar {
	s := text(p, ru)
	s.check = func(r *reader, key, text, found string) {
		err := accept(r, text)
		switch {
		case err == nil:
		case found == shown(text):
			r.problem(key, found, ru.expect, err.Error())
		default: // the error names what the environment holds
			r.problem(key, found, ru.expect, "")
		}
	}
	return s
}

func collected(p *string) scalar {
	return verified(p, collectPattern, func(r *reader, text string) error { return r.checkCollect(text) })
}

func integer[T int | int64](p *T, least, most T) scalar {
	return scalar{
		kinds:  []ast.NodeType{ast.IntegerType},
		expect: fmt.Sprintf("a whole number from %d to %d", least, most),
		json:   map[string]any{"type": "integer", "minimum": least, "maximum": most},
		store: func(s string) bool {
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil || n < int64(least) || n > int64(most) {
				return false
			}
			*p = T(n)
			return true
		},
	}
}

// number is above zero.
func number(p *float64, most float64) scalar {
	return scalar{
		kinds:  []ast.NodeType{ast.IntegerType, ast.FloatType},
		expect: fmt.Sprintf("a number above 0, at most %g", most),
		json:   map[string]any{"type": "number", "exclusiveMinimum": 0, "maximum": most},
		store: func(s string) bool {
			n, err := strconv.ParseFloat(s, 64)
			if err != nil || !(n > 0 && n <= most) {
				return false
			}
			*p = n
			return true
		},
	}
}

// percent is stored as a share of 1.
func percent(p *float64) scalar {
	s := number(p, 100)
	store := s.store
	s.store = func(v string) bool {
		if !store(v) {
			return false
		}
		*p /= 100
		return true
	}
	return s
}

func boolean(p *bool) scalar {
	return scalar{
		kinds: []ast.NodeType{ast.BoolType}, expect: "true or false", json: map[string]any{"type": "boolean"},
		store: func(s string) bool {
			s = strings.ToLower(s)
			*p = s == "true"
			return s == "true" || s == "false"
		},
	}
}

func duration(p *time.Duration, least, most string) scalar {
	low, _ := parseDuration(least)
	high, _ := parseDuration(most)
	return scalar{
		kinds:  textKinds,
		expect: fmt.Sprintf("%s, from %s to %s", durationText.expect, least, most),
		bare:   "a duration needs its unit",
		json:   durationText.schema(),
		store: func(s string) bool {
			d, ok := parseDuration(s)
			if !ok || d < low || d > high {
				return false
			}
			*p = d
			return true
		},
	}
}

// parseDuration takes Go's syntax, and days.
func parseDuration(s string) (time.Duration, bool) {
	if !durationText.fits(s) {
		return 0, false
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseInt(days, 10, 64)
		const day = 24 * time.Hour
		return time.Duration(n) * day, err == nil && n <= int64(math.MaxInt64/day)
	}
	d, err := time.ParseDuration(s)
	return d, err == nil
}

// section is a mapping that is always there, with its defaults.
type section struct{ shape shape }

func (s section) inner() (shape, bool)                   { return s.shape, true }
func (s section) read(r *reader, n ast.Node, key string) { r.mapping(n, key, s.shape) }

func (s section) unset(any) {
	for _, k := range s.shape.keys {
		k.value.unset(k.def)
	}
}

func (s section) schema(defs map[string]any) map[string]any { return s.shape.schema(defs) }

// optional is a mapping that is nil where the file does not have it.
type optional[T any] struct {
	p  **T
	of func(*T) shape
}

func maybe[T any](p **T, of func(*T) shape) value { return optional[T]{p, of} }

func (o optional[T]) inner() (shape, bool) { return o.of(new(T)), true }
func (o optional[T]) unset(any)            {}

func (o optional[T]) read(r *reader, n ast.Node, key string) {
	*o.p = new(T)
	r.mapping(n, key, o.of(*o.p))
}

func (o optional[T]) schema(defs map[string]any) map[string]any {
	return o.of(new(T)).schema(defs)
}

// list holds at least one item. Items of one identity are refused; identity
// may be nil.
type list[T any] struct {
	p        *[]T
	item     func(*T) value
	identity func(T) string
	of       string // path from an item to its identity
}

func mappings[T any](p *[]T, of func(*T) shape, identity func(T) string, at string) list[T] {
	return list[T]{p: p, item: func(t *T) value { return section{of(t)} }, identity: identity, of: at}
}

func texts(p *[]string, item func(*string) scalar) list[string] {
	return list[string]{p: p, item: func(s *string) value { return item(s) }, identity: func(s string) string { return s }}
}

func ruled(ru rule) func(*string) scalar {
	return func(p *string) scalar { return text(p, ru) }
}

func (l list[T]) inner() (shape, bool) { return l.item(new(T)).inner() }
func (l list[T]) unset(any)            {}

func (l list[T]) read(r *reader, n ast.Node, key string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		r.mismatch(n, key, "a list", "", true)
		return
	}
	if len(seq.Values) == 0 {
		r.problem(key, "an empty list", "at least one item", "")
	}
	items := make([]T, len(seq.Values))
	first := map[string]string{}
	for i, n := range seq.Values {
		path := fmt.Sprintf("%s[%d]", key, i)
		r.value(l.item(&items[i]), n, path, start(n))
		if l.identity == nil {
			continue
		}
		path += l.of
		id := l.identity(items[i])
		if same, ok := first[id]; ok && id != "" {
			r.problem(path, "the same as "+same, "a different value for each", "")
			continue
		}
		first[id] = path
	}
	*l.p = items
}

func (l list[T]) schema(defs map[string]any) map[string]any {
	s := map[string]any{"type": "array", "minItems": 1, "items": l.item(new(T)).schema(defs)}
	if l.identity != nil && l.of == "" {
		s["uniqueItems"] = true
	}
	return s
}

// dictionary is a mapping whose keys are the user's.
type dictionary[T any] struct {
	p    *map[string]T
	keys rule
	item func(*T) value
	most int // keys; 0 is no bound
}

func (d dictionary[T]) inner() (shape, bool) { return shape{}, false }
func (d dictionary[T]) unset(any)            {}

func (d dictionary[T]) read(r *reader, n ast.Node, key string) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		r.mismatch(n, key, "a mapping whose keys are each "+d.keys.expect, "", true)
		return
	}
	if d.most > 0 && len(m.Values) > d.most {
		r.problem(key, fmt.Sprintf("%d keys", len(m.Values)), fmt.Sprintf("at most %d", d.most), "")
	}
	*d.p = map[string]T{}
	seen := map[string]bool{}
	for _, kv := range m.Values {
		name, pos, ok := r.mapKey(kv, key, seen)
		if !ok {
			continue
		}
		if !d.keys.fits(name) {
			r.problemAt(pos, join(key, name), "the key "+shown(name), d.keys.expect, "")
			continue
		}
		var item T
		r.value(d.item(&item), kv.Value, join(key, name), pos)
		(*d.p)[name] = item
	}
}

func (d dictionary[T]) schema(defs map[string]any) map[string]any {
	s := map[string]any{
		"type": "object", "propertyNames": d.keys.schema(), "additionalProperties": d.item(new(T)).schema(defs),
	}
	if d.most > 0 {
		s["maxProperties"] = d.most
	}
	return s
}

// regions is the word all, or a list of names.
type regions struct{ p *Regions }

func (g regions) inner() (shape, bool) { return shape{}, false }
func (g regions) unset(any)            {}

func (g regions) names() list[string] {
	return texts(&g.p.Names, func(p *string) scalar { return located(p, regionName) })
}

func (g regions) all() scalar {
	var word string
	s := text(&word, oneOf("all"))
	s.expect = "all, or a list of region names"
	s.check = func(*reader, string, string, string) { g.p.All = true }
	return s
}

func (g regions) read(r *reader, n ast.Node, key string) {
	if _, ok := n.(*ast.SequenceNode); ok {
		g.names().read(r, n, key)
		return
	}
	g.all().read(r, n, key)
}

func (g regions) schema(defs map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{g.all().schema(defs), g.names().schema(defs)}}
}
