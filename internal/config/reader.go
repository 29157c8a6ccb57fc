package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"stocktake/internal/spelling"
)

// reader walks the YAML of one file and collects what is wrong with it.
type reader struct {
	file         string
	exposed      bool // others than the owner may read the file
	checkCollect func(pattern string) error
	lines        []string
	where        map[string]position // of every key path seen
	clues        []clue
	problems     []Problem
	before       func(*reader, *File)
	beforeIDs    bool // external IDs are about to be made
}

type position struct{ line, column int }

// clue is a value that tells a partition.
type clue struct{ key, partition string }

func (c clue) weight() int {
	if strings.HasSuffix(c.key, "role_arn") || strings.HasSuffix(c.key, "member_role") {
		return 1
	}
	return 0
}

func newReader(file string, mode fs.FileMode, checkCollect func(string) error) *reader {
	if checkCollect == nil {
		checkCollect = func(string) error { return nil }
	}
	return &reader{
		file:         file,
		exposed:      exposed(mode),
		checkCollect: checkCollect,
		where:        map[string]position{"": {1, 1}},
	}
}

const oneDocument = "one YAML document, a mapping of keys"

// parse returns the mapping at the root, or nil after recording a problem.
func (r *reader) parse(text string) ast.Node {
	if !utf8.ValidString(text) {
		r.problem("", "bytes that are not UTF-8", oneDocument, "")
		return nil
	}
	text = strings.TrimPrefix(text, "\ufeff")
	r.lines = strings.Split(text, "\n")
	tokens := lexer.Tokenize(text)
	if deep := tooDeep(tokens); deep != nil {
		r.problemAt(at(deep), "", "more than 32 levels", oneDocument, "")
		return nil
	}
	// Repeated keys are found while reading, where all of them are reported.
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil
	}
	if len(f.Docs) > 1 {
		r.problemAt(r.second(f.Docs), "", "more than one document", oneDocument, "")
		return nil
	}
	if len(f.Docs) == 0 || f.Docs[0].Body == nil {
		r.problem("", "an empty file", oneDocument, "")
		return nil
	}
	return f.Docs[0].Body
}

// tooDeep returns the token that nests further than any configuration does:
// the parser's memory grows with the square of the depth. A mapping in block
// style is limited by its indentation and the size of the file.
func tooDeep(tokens token.Tokens) *token.Token {
	const levels, farRight = 32, 1000
	flow, inLine, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, inLine = t.Position.Line, 0
		}
		far := false
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow = max(flow-1, 0)
		case token.SequenceEntryType, token.MappingKeyType:
			inLine++
			far = t.Position.Column > farRight
		}
		if flow > levels || inLine > levels || far {
			return t
		}
	}
	return nil
}

// syntax keeps the message and the place only: the library's own text quotes
// the lines around it, which may hold secrets.
func (r *reader) syntax(err error) {
	pos, what, hint := position{1, 1}, err.Error(), ""
	var syntax interface {
		GetMessage() string
		GetToken() *token.Token
	}
	if errors.As(err, &syntax) {
		what = syntax.GetMessage()
		if t := syntax.GetToken(); t != nil {
			pos = at(t)
		}
	}
	if n := pos.line; n <= len(r.lines) && bareReference.MatchString(r.lines[n-1]) {
		hint = `inside [ ] and { } a reference to the environment needs quotes: "${NAME}"`
	}
	r.problemAt(pos, "", "malformed YAML: "+what, "YAML that can be parsed", hint)
}

var bareReference = regexp.MustCompile(`[\[{][^"']*\$\{`)

// second is where the second document starts, or the first one ends.
func (r *reader) second(docs []*ast.DocumentNode) position {
	for _, t := range []*token.Token{docs[1].Start, docs[0].End} {
		if t != nil {
			return at(t)
		}
	}
	return position{len(r.lines), 1}
}

func at(t *token.Token) position {
	return position{t.Position.Line, t.Position.Column}
}

// start is where a reader of the file sees the node begin; the parser puts
// mappings at their first colon.
func start(n ast.Node) position {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		return at(m.Values[0].Key.GetToken())
	}
	return at(n.GetToken())
}

// problem is recorded where the key path was seen, or its nearest parent.
func (r *reader) problem(key, found, expected, hint string) {
	pos, ok := r.where[key]
	for parent := key; !ok; pos, ok = r.where[parent] {
		parent = parent[:max(strings.LastIndexAny(parent, ".["), 0)]
	}
	r.problemAt(pos, key, found, expected, hint)
}

func (r *reader) problemAt(pos position, key, found, expected, hint string) {
	r.problems = append(r.problems, Problem{r.file, pos.line, pos.column, key, found, expected, hint})
}

// value reads one value and remembers where it stands: a scalar by itself,
// what spans lines by its key.
func (r *reader) value(v value, n ast.Node, key string, keyPos position) {
	r.where[key] = keyPos
	if _, ok := n.(ast.ScalarNode); ok && n.Type() != ast.NullType {
		r.where[key] = start(n)
	}
	v.read(r, n, key)
}

// given says whether the file has the key.
func (r *reader) given(key string) bool {
	_, ok := r.where[key]
	return ok
}

// mapping reads the keys of a shape.
func (r *reader) mapping(n ast.Node, key string, s shape) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		r.mismatch(n, key, "a mapping of keys: "+strings.Join(s.names(), ", "), "", true)
		return
	}
	seen := map[string]bool{}
	for _, kv := range m.Values {
		name, pos, ok := r.mapKey(kv, key, seen)
		if !ok {
			continue
		}
		i := slices.IndexFunc(s.keys, func(k entry) bool { return k.key == name })
		if i < 0 {
			r.unknown(pos, key, name, s)
			continue
		}
		r.value(s.keys[i].value, kv.Value, join(key, name), pos)
	}
	for _, k := range s.keys {
		switch {
		case seen[k.key]:
		case k.required:
			r.problem(join(key, k.key), "no such key", k.doc, "this key is required")
		default:
			k.value.unset(k.def)
		}
	}
	r.relations(key, s, seen)
	if s.done != nil {
		s.done(r, key)
	}
}

// mapKey returns the name of a key that was not there before.
func (r *reader) mapKey(kv *ast.MappingValueNode, key string, seen map[string]bool) (string, position, bool) {
	pos := at(kv.Key.GetToken())
	s, ok := kv.Key.(*ast.StringNode)
	if !ok {
		r.problemAt(pos, key, describe(kv.Key, false)+" as a key", "a plain name", "merge keys and anchors are not supported")
		return "", pos, false
	}
	if seen[s.Value] {
		r.problemAt(pos, join(key, s.Value), "the key a second time", "each key once", "")
		return "", pos, false
	}
	seen[s.Value] = true
	return s.Value, pos, true
}

func (r *reader) unknown(pos position, key, name string, s shape) {
	hint := ""
	if near := nearest(name, s.names()); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	r.problemAt(pos, join(key, name), "an unknown key", "one of "+strings.Join(s.names(), ", "), hint)
}

// relations checks which keys go together.
func (r *reader) relations(key string, s shape, seen map[string]bool) {
	for _, c := range s.choices {
		given := slices.DeleteFunc(slices.Clone(c.keys), func(k string) bool { return !seen[k] })
		switch {
		case len(given) == 0 && c.required:
			r.problem(key, "none of "+strings.Join(c.keys, ", "), "exactly one of them", "")
		case len(given) > 1:
			r.problem(join(key, given[1]), strings.Join(given, " and ")+" together", "only one of "+strings.Join(c.keys, ", "), "")
		}
	}
	for _, n := range s.needs {
		if seen[n.key] && !seen[n.other] {
			r.problem(join(key, n.key), n.key+" without "+n.other, n.other+" beside it", "")
		}
	}
}

// mismatch says that the node is of another kind than expected. The hint bare
// is for a number or boolean.
func (r *reader) mismatch(n ast.Node, key, expected, bare string, hide bool) {
	hint := ""
	switch kindOf(n) {
	case ast.IntegerType, ast.FloatType, ast.BoolType:
		hint = bare
	case ast.NullType:
		hint = "give it a value or leave the key out; an empty mapping is written {}"
	case ast.AnchorType, ast.AliasType, ast.TagType:
		hint = "anchors, aliases and tags are not supported: write the value itself"
	}
	r.problem(key, describe(n, hide), expected, hint)
}

// kindOf takes bare digits for a number in any case: YAML does so only where
// they are no malformed octal, which account IDs with a leading zero may be.
func kindOf(n ast.Node) ast.NodeType {
	if s, ok := n.(*ast.StringNode); ok && s.Token.Type == token.StringType && digits.MatchString(s.Value) {
		return ast.IntegerType
	}
	return n.Type()
}

var digits = regexp.MustCompile(`^[0-9]+$`)

// describe names a node for a message; hide leaves its text out.
func describe(n ast.Node, hide bool) string {
	kind := kindOf(n)
	noun, ok := nouns[kind]
	if !ok {
		return "a YAML " + kind.String()
	}
	switch kind {
	case ast.StringType, ast.LiteralType:
		if !hide {
			return shown(content(n))
		}
	case ast.BoolType, ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		if !hide {
			return "the " + noun + " " + content(n)
		}
		return "a " + noun
	}
	return noun
}

var nouns = map[ast.NodeType]string{
	ast.NullType: "no value", ast.BoolType: "boolean", ast.IntegerType: "number", ast.FloatType: "number",
	ast.InfinityType: "number", ast.NanType: "number", ast.StringType: "text", ast.LiteralType: "text",
	ast.MappingType: "a mapping", ast.SequenceType: "a list", ast.AnchorType: "an anchor", ast.AliasType: "an alias",
	ast.TagType: "a tag", ast.MergeKeyType: "a merge key",
}

// login is the part of a URL that may hold a password.
var login = regexp.MustCompile(`://[^/\s]*@`)

// shown is a value as a message quotes it.
func shown(s string) string {
	s = login.ReplaceAllString(s, "://"+hidden+"@")
	if runes := []rune(s); len(runes) > 80 {
		s = string(runes[:80]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

func content(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	}
	return n.GetToken().Value
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// expand replaces the references to the environment.
func (r *reader) expand(key, text string) (string, bool) {
	ok := true
	out := referencePattern.ReplaceAllStringFunc(text, func(ref string) string {
		v, set := os.LookupEnv(ref[2 : len(ref)-1])
		if !set {
			ok = false
			r.problem(key, ref+", which is not set in the environment", "a variable that is set", "")
		}
		return v
	})
	if strings.Contains(referencePattern.ReplaceAllString(text, ""), "${") {
		ok = false
		r.problem(key, "a malformed reference to the environment", "${NAME} with a name of letters, digits and _", "")
	}
	return out, ok
}

// nearest is the known name that was probably meant, or "".
func nearest(name string, known []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, k := range known {
		d := spelling.Distance(name, k)
		if len(name) > 2 && strings.Contains(k, name) {
			d = 1
		}
		if d < least {
			best, least = k, d
		}
	}
	return best
}
