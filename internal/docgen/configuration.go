package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"stocktake/internal/config"
)

const configurationIntro = `# Configuration

` + "`stocktake`" + ` reads one YAML file: the one of ` + "`-c FILE`" + `, else of ` + "`$STOCKTAKE_CONFIG`" + `, else ` + "`stocktake.yaml`" + ` in the working directory.

` + "```sh" + `
stocktake init > stocktake.yaml                           # an organization, with generated external IDs
stocktake init --source role,keys > stocktake.yaml        # other kinds of source
stocktake init --simulated > stocktake.yaml               # the simulated organization
stocktake config check                                    # every mistake at once, with line and key
stocktake config schema > stocktake.schema.json           # for editors
` + "```" + `

- Unknown keys, wrong types, repeated keys and a second document are errors; a message names file, line, key, what was found and what was expected.
- ` + "`${NAME}`" + ` anywhere in a value stands for an environment variable; one that is not set is an error.
- ` + "`secret_access_key`, `session_token`, `password`, and `url` and `token`" + ` of a webhook may stand in the file as they are only where no one else may read it (` + "`chmod 600`" + `). They appear in no log, manifest or error.
- Account IDs go in quotes: YAML would take the bare digits for a number.
- Durations are written as in ` + "`90s`, `1h`, `14d`" + `.
- Relative paths start at the file's folder.
- ` + "`run --resume`" + ` goes on after a change of what alters neither the rows nor where they go: schedule, alerts, ` + "`keep`, `max_duration`, `httpfs`" + `, concurrency, rates, retries, and the identity and headers of ` + "`output`" + `.
- Guides: [connecting.md](connecting.md) for ` + "`sources`" + `, [s3.md](s3.md) for ` + "`output`" + `, [every-night.md](every-night.md) for ` + "`schedule`, `alerts` and `max_duration`" + `.

## Exit codes

| code | meaning |
| --- | --- |
| 0 | complete |
| 1 | nothing useful could be done |
| 2 | wrong usage or configuration |
| 3 | published, but some units are not complete; ` + "`coverage_gaps`" + ` lists them |
| 11 | another run collects the same |
`

// configuration is the reference of the configuration file, out of its schema.
func configuration() ([]byte, error) {
	var root node
	if err := json.Unmarshal(config.Schema(), &root); err != nil {
		return nil, fmt.Errorf("read the configuration's schema: %w", err)
	}
	r := &reference{defs: root.Defs, at: map[string]string{}}
	fmt.Fprintf(&r.out, "<!-- Made by `%s`; edits are lost. -->\n\n%s", command, configurationIntro)
	r.section("The file", "", root)
	for len(r.queue) > 0 {
		next, rest := r.queue[0], r.queue[1:]
		r.queue = nil
		r.section("`"+next.path+"`", next.path, r.defs[next.def])
		r.queue = append(r.queue, rest...)
	}
	return r.out.Bytes(), r.err
}

// node is the part of JSON Schema that the configuration's schema uses.
type node struct {
	Defs        map[string]node `json:"$defs"`
	Ref         string          `json:"$ref"`
	Type        string
	Description string
	Default     any
	Enum        []string
	Minimum     *float64
	Maximum     *float64
	Above       *float64 `json:"exclusiveMinimum"`
	Items       *node
	AnyOf       []node
	OneOf       []node
	AllOf       []node
	Not         *node
	Properties  map[string]node
	Others      json.RawMessage     `json:"additionalProperties"` // false, or the schema of values under the user's own keys
	Required    []string            `json:"required"`
	Needs       map[string][]string `json:"dependentRequired"`
}

// reference writes a section for each mapping, those within it right after it.
type reference struct {
	out   bytes.Buffer
	defs  map[string]node
	at    map[string]string // where a definition was met first
	queue []place
	err   error
}

type place struct{ def, path string }

func (r *reference) section(title, path string, n node) {
	fmt.Fprintf(&r.out, "\n## %s\n\n", title)
	keys := slices.SortedFunc(maps.Keys(n.Properties), func(a, b string) int {
		if x, y := slices.Contains(n.Required, a), slices.Contains(n.Required, b); x != y {
			if x {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, key := range keys {
		p := n.Properties[key]
		words := r.form(strings.TrimPrefix(path+"."+key, "."), p)
		if slices.Contains(n.Required, key) {
			words += ", required"
		}
		if p.Default != nil {
			words += fmt.Sprintf(", default `%v`", p.Default)
		}
		fmt.Fprintf(&r.out, "- `%s` (%s): %s\n", key, words, p.Description)
	}
	r.rules(n)
}

// form says in words what a value looks like; mappings get sections of their own.
func (r *reference) form(path string, n node) string {
	switch {
	case n.Ref == "#/$defs/environment":
		return "" // holds for every value, and is said at the top
	case n.Ref != "":
		return r.mapping(strings.TrimPrefix(n.Ref, "#/$defs/"), path)
	case len(n.AnyOf) > 0:
		var forms []string
		for _, alternative := range n.AnyOf {
			if f := r.form(path, alternative); f != "" && !slices.Contains(forms, f) {
				forms = append(forms, f)
			}
		}
		return strings.Join(forms, ", or ")
	case len(n.Enum) > 0:
		return "`" + strings.Join(slices.DeleteFunc(slices.Clone(n.Enum), func(s string) bool { return s == "" }), "`, `") + "`"
	}
	switch n.Type {
	case "array":
		return "list of " + r.form(path+"[]", *n.Items)
	case "integer":
		return fmt.Sprintf("whole number, %.0f to %.0f", *n.Minimum, *n.Maximum)
	case "number":
		return fmt.Sprintf("number above %g, at most %g", *n.Above, *n.Maximum)
	case "boolean":
		return "`true` or `false`"
	case "object":
		var values node
		if err := json.Unmarshal(n.Others, &values); err != nil {
			r.err = fmt.Errorf("key %s of the configuration's schema: %w", path, err)
		}
		return "mapping of your keys to " + r.form(path+".KEY", values)
	case "string":
		return "text"
	}
	r.err = fmt.Errorf("key %s of the configuration's schema: type %q: expected array, integer, number, boolean, object or string", path, n.Type)
	return ""
}

// mapping links to the section of a definition.
func (r *reference) mapping(def, path string) string {
	first, known := r.at[def]
	if !known {
		first = path
		r.at[def] = path
		r.queue = append(r.queue, place{def, path})
	}
	return fmt.Sprintf("[mapping](#%s)", anchor(first))
}

// anchor is how GitHub names the heading of a path.
func anchor(path string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(".[]{}", c) {
			return -1
		}
		return c
	}, strings.ToLower(path))
}

// rules says which keys exclude or need each other.
func (r *reference) rules(n node) {
	var lines []string
	for _, rule := range n.AllOf {
		if rule.Not != nil {
			lines = append(lines, "Not together: "+codes(rule.Not.Required)+".")
		}
		var one []string
		for _, choice := range rule.OneOf {
			one = append(one, choice.Required...)
		}
		if len(one) > 0 {
			lines = append(lines, "Exactly one of "+codes(one)+".")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(n.Needs)) {
		lines = append(lines, codes([]string{key})+" only beside "+codes(n.Needs[key])+".")
	}
	if len(lines) > 0 {
		fmt.Fprintf(&r.out, "\n%s\n", strings.Join(lines, " "))
	}
}
