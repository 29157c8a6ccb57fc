package query

import (
	"slices"
	"strings"
	"unicode/utf8"
)

type tokenKind int

const (
	word   tokenKind = iota // a keyword or identifier, in lower case
	quoted                  // an identifier in double quotes, without them
	text                    // a string literal, without its quotes
	param                   // $name, without the $
	symbol                  // any other character
)

type token struct {
	kind       tokenKind
	value      string
	start, end int
	line       int
}

// tokens cuts SQL the way DuckDB's scanner does, as far as finding statements and names
// needs it. Nothing relies on it to keep a write out: see guard.go.
func tokens(sql string) []token {
	var found []token
	line, counted := 1, 0
	for i := 0; i < len(sql); {
		next, kind, value, ok := scan(sql, i)
		if ok {
			line += strings.Count(sql[counted:i], "\n")
			counted = i
			found = append(found, token{kind: kind, value: value, start: i, end: next, line: line})
		}
		i = next
	}
	return found
}

// scan reads what begins at sql[i] and returns where it ends; ok is false for space and
// comments.
func scan(sql string, i int) (next int, kind tokenKind, value string, ok bool) {
	rest := sql[i:]
	switch c := rest[0]; {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
		return i + 1, 0, "", false
	case strings.HasPrefix(rest, "--"):
		if end := strings.IndexAny(rest, "\r\n"); end >= 0 {
			return i + end, 0, "", false
		}
		return len(sql), 0, "", false
	case strings.HasPrefix(rest, "/*"):
		return i + blockComment(rest), 0, "", false
	case c == '\'':
		end := closing(rest, 1, '\'', false)
		return i + end, text, unquote(rest[1:end], "'"), true
	case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
		end := closing(rest, 2, '\'', true)
		return i + end, text, unquote(rest[2:end], "'"), true
	case c == '"':
		end := closing(rest, 1, '"', false)
		return i + end, quoted, unquote(rest[1:end], `"`), true
	case c == '$':
		return scanDollar(sql, i)
	case nameByte(c):
		end := nameEnd(rest, 0)
		return i + end, word, strings.ToLower(rest[:end]), true
	}
	_, size := utf8.DecodeRuneInString(rest)
	return i + size, symbol, rest[:size], true
}

// scanDollar reads $name, $1, or a string between two $tag$.
func scanDollar(sql string, i int) (next int, kind tokenKind, value string, ok bool) {
	rest := sql[i:]
	end := 1
	for end < len(rest) && nameByte(rest[end]) {
		end++
	}
	if end < len(rest) && rest[end] == '$' && !('0' <= rest[1] && rest[1] <= '9') {
		tag := rest[:end+1]
		body := rest[len(tag):]
		if length := strings.Index(body, tag); length >= 0 {
			return i + len(tag) + length + len(tag), text, body[:length], true
		}
		return len(sql), text, body, true
	}
	if end > 1 {
		return i + end, param, rest[1:end], true
	}
	return i + 1, symbol, "$", true
}

func nameByte(c byte) bool {
	return c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func nameEnd(s string, i int) int {
	for i < len(s) && (nameByte(s[i]) || s[i] == '$') {
		i++
	}
	return i
}

// closing finds the end of a literal whose body begins at s[i]. A doubled quote stands
// for itself, and so does what follows a backslash where those escape.
func closing(s string, i int, quote byte, backslash bool) int {
	for i < len(s) {
		switch {
		case backslash && s[i] == '\\':
			i += 2
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i += 2
		case s[i] == quote:
			return i + 1
		default:
			i++
		}
	}
	return len(s)
}

func unquote(body, quote string) string {
	return strings.ReplaceAll(strings.TrimSuffix(body, quote), quote+quote, quote)
}

// blockComment returns the length of the comment that s begins with. They nest.
func blockComment(s string) int {
	depth := 0
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(s[i:], "*/"):
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return len(s)
}

// A statement is one statement of a text that may hold several.
type statement struct {
	source string // the whole text
	tokens []token
}

// statements cuts a text at its semicolons.
func statements(sql string) []statement {
	var all []statement
	var current []token
	flush := func() {
		if len(current) > 0 {
			all = append(all, statement{source: sql, tokens: current})
		}
		current = nil
	}
	for _, t := range tokens(sql) {
		if t.kind == symbol && t.value == ";" {
			flush()
			continue
		}
		current = append(current, t)
	}
	flush()
	return all
}

// from is the statement's text from its i-th token on.
func (s statement) from(i int) string {
	return s.source[s.tokens[i].start:s.tokens[len(s.tokens)-1].end]
}

// above is as many empty lines as precede the i-th token, so that DuckDB counts the
// lines of a part as those of the whole.
func (s statement) above(i int) string { return strings.Repeat("\n", s.tokens[i].line-1) }

// is says whether the i-th token is a keyword or symbol, and which.
func (s statement) is(i int, values ...string) bool {
	if i >= len(s.tokens) || s.tokens[i].kind != word && s.tokens[i].kind != symbol {
		return false
	}
	return slices.Contains(values, s.tokens[i].value)
}

// identifier quotes a name unless it is plain.
func identifier(name string) string {
	plain := name != ""
	for i, c := range name {
		plain = plain && (c == '_' || 'a' <= c && c <= 'z' || i > 0 && '0' <= c && c <= '9')
	}
	if plain {
		return name
	}
	return quoteName(name)
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
