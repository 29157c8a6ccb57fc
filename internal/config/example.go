package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// ExampleOptions chooses what the starter file has.
type ExampleOptions struct {
	Simulated bool
	// Sources are of SourceKinds, one source for each; none is one of the
	// kind organization.
	Sources []string
	// Where there is an organization already, as a simulated one is, these
	// stand in for placeholders and generated external IDs.
	DiscoveryRoleARN    string
	DiscoveryExternalID Secret
	MemberRole          string
	MemberExternalID    Secret
}

// SourceKinds are the kinds of source that Example knows.
var SourceKinds = []string{"organization", "role", "roles", "keys"}

const preamble = `# The configuration of stocktake.
# A line that begins with # and no space is a key with its default or a sample
# value: remove the # to use it. ${NAME} stands for an environment variable.
`

// Example is a commented starter file that Load accepts as it is. Every role
// in it has an external ID of its own, made now. It panics on a kind of source
// that is not of SourceKinds.
func Example(opts ExampleOptions) []byte {
	given := map[string]any{"warehouse": "warehouse"}
	if opts.Simulated {
		given["simulation"] = map[string]any{"seed": 1, "accounts": 25, "regions": 4}
	}
	kinds := opts.Sources
	if len(kinds) == 0 {
		kinds = SourceKinds[:1]
	}
	var sources []any
	for i, kind := range kinds {
		name := kind
		if slices.Contains(kinds[:i], kind) {
			name = fmt.Sprintf("%s-%d", kind, i+1)
		}
		source := map[string]any{"name": name, "regions": "all", "collect": []any{"*"}}
		maps.Copy(source, opts.access(kind))
		sources = append(sources, source)
	}
	given["sources"] = sources
	lines := exampleWriter{explained: map[string]bool{}}.mapping(fileShape(new(File)), given, false)
	return []byte(preamble + spaced(lines))
}

// access is the key of the source's kind, with placeholder accounts.
func (opts ExampleOptions) access(kind string) map[string]any {
	role := func(account, name string) map[string]any {
		return map[string]any{"role_arn": roleARN(partitions[0].name, account, name), "external_id": uuid.NewString()}
	}
	switch kind {
	case "organization":
		discovery := role("111122223333", "stocktake-discovery")
		override(discovery, "role_arn", opts.DiscoveryRoleARN)
		override(discovery, "external_id", opts.DiscoveryExternalID.Reveal())
		member := map[string]any{"member_role": "stocktake", "external_id": uuid.NewString(), "discovery": discovery}
		override(member, "member_role", opts.MemberRole)
		override(member, "external_id", opts.MemberExternalID.Reveal())
		return map[string]any{"organization": member}
	case "role":
		return map[string]any{"role": role("111122223333", "stocktake")}
	case "roles":
		return map[string]any{"roles": []any{role("111122223333", "stocktake"), role("444455556666", "stocktake")}}
	case "keys":
		return map[string]any{"keys": map[string]any{}}
	}
	panic(fmt.Sprintf("found source kind %q, expected one of %s", kind, quoted(SourceKinds)))
}

func override(m map[string]any, key, v string) {
	if v != "" {
		m[key] = v
	}
}

// exampleWriter lays the given values out in the order of the shapes, and what
// has a default or a sample as a comment.
type exampleWriter struct {
	explained map[string]bool // keys that have their comment already
}

// mapping returns the lines of a shape's keys. Where all is set, keys that are
// not given are lines like the others, since the block is a comment as a whole.
func (e exampleWriter) mapping(s shape, given map[string]any, all bool) []string {
	var lines []string
	for _, k := range s.keys {
		v, isGiven := given[k.key]
		if !isGiven {
			v = k.fallback()
		}
		if v == nil {
			continue
		}
		if id := s.name + "." + k.key; !e.explained[id] {
			e.explained[id] = true
			lines = append(lines, comment(k.sentence())...)
		}
		for _, line := range e.entry(k, v, all || !isGiven) {
			if !all && !isGiven {
				line = "#" + line
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// fallback is what to show of a key that is not given; nil is nothing.
func (k entry) fallback() any {
	switch {
	case k.def != nil:
		return k.def
	case k.sample != nil:
		return k.sample
	}
	if _, ok := k.value.(section); ok {
		return map[string]any{}
	}
	return nil
}

func (e exampleWriter) entry(k entry, v any, all bool) []string {
	s, hasKeys := k.value.inner()
	if !hasKeys {
		return []string{k.key + ": " + literal(v)}
	}
	var lines []string
	switch v := v.(type) {
	case map[string]any:
		lines = indented(e.mapping(s, v, all))
	case []any:
		for _, item := range v {
			lines = append(lines, indented(dashed(e.mapping(s, item.(map[string]any), all)))...)
		}
	}
	if len(lines) == 0 {
		return []string{k.key + ": {}"}
	}
	return append([]string{k.key + ":"}, lines...)
}

func indented(lines []string) []string {
	for i, line := range lines {
		lines[i] = "  " + line
	}
	return lines
}

// dashed makes lines a list item: the dash goes before the first key.
func dashed(lines []string) []string {
	first := slices.IndexFunc(lines, func(line string) bool { return !strings.HasPrefix(line, "#") })
	for i := range lines {
		if i == first {
			lines[i] = "- " + lines[i]
		} else {
			lines[i] = "  " + lines[i]
		}
	}
	return lines
}

// comment breaks a sentence into lines.
func comment(sentence string) []string {
	lines := []string{"#"}
	for word := range strings.FieldsSeq(sentence) {
		if last := lines[len(lines)-1]; len(last)+len(word) > 90 {
			lines = append(lines, "# "+word)
		} else {
			lines[len(lines)-1] = last + " " + word
		}
	}
	return lines
}

// spaced puts an empty line before the comment of each top-level key.
func spaced(lines []string) string {
	var b strings.Builder
	isComment := func(line string) bool { return strings.HasPrefix(line, "# ") && line[2] != ' ' }
	for i, line := range lines {
		if isComment(line) && (i == 0 || !isComment(lines[i-1])) {
			b.WriteByte('\n')
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// plainText needs no quotes: words without digits, ARNs, durations.
var plainText = regexp.MustCompile(`^([A-Za-z._/-]+|arn:\S+|[0-9]+[a-z])$`)

// literal is a value in YAML's flow style.
func literal(v any) string {
	switch v := v.(type) {
	case string:
		if plainText.MatchString(v) {
			return v
		}
		return fmt.Sprintf("%q", v)
	case []any:
		items := make([]string, len(v))
		for i := range v {
			items[i] = literal(v[i])
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		items := make([]string, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			items = append(items, k+": "+literal(v[k]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	return fmt.Sprint(v)
}
