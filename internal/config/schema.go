package config

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Schema is the JSON Schema (draft 2020-12) of the file, for editors and for
// checks before a run. Rules that take several places of the file together,
// such as one partition for a source, are for Load alone.
func Schema() []byte {
	defs := map[string]any{}
	root := fileShape(new(File)).object(defs)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "stocktake configuration"
	root["$defs"] = defs
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		panic(fmt.Sprintf("encode schema: %v", err)) // it holds maps, lists, strings and numbers only
	}
	return out.Bytes()
}

// schema is a reference to the shape's definition, which it adds.
func (s shape) schema(defs map[string]any) map[string]any {
	if _, ok := defs[s.name]; !ok {
		defs[s.name] = s.object(defs)
	}
	return reference(s.name)
}

func (s shape) object(defs map[string]any) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, k := range s.keys {
		p := k.value.schema(defs)
		p["description"] = k.sentence()
		if k.def != nil {
			p["default"] = k.def
		}
		if k.sample != nil {
			p["examples"] = []any{k.sample}
		}
		properties[k.key] = p
		if k.required {
			required = append(required, k.key)
		}
	}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	if all := s.constraints(); len(all) > 0 {
		out["allOf"] = all
	}
	if len(s.needs) > 0 {
		dependent := map[string][]string{}
		for _, n := range s.needs {
			dependent[n.key] = append(dependent[n.key], n.other)
		}
		out["dependentRequired"] = dependent
	}
	return out
}

// constraints are the choices: one key exactly, or no two together.
func (s shape) constraints() []any {
	var all []any
	for _, c := range s.choices {
		var has []any
		for i, k := range c.keys {
			has = append(has, map[string]any{"required": []string{k}})
			for _, other := range c.keys[i+1:] {
				if !c.required {
					all = append(all, map[string]any{"not": map[string]any{"required": []string{k, other}}})
				}
			}
		}
		if c.required {
			all = append(all, map[string]any{"oneOf": has})
		}
	}
	return all
}
