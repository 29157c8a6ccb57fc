package query

import (
	"bufio"
	"fmt"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// A tablePrinter aligns rows in columns. The widths come from the first rows, so that
// printing does not wait for the last: a longer text further down is cut where the
// table has a width, and else stands out of its column.
type tablePrinter struct {
	out    *bufio.Writer
	names  []string
	right  []bool // aligned to the right
	limit  int
	widths []int // set once the first rows are printed
	held   [][]string
	rows   int64
}

const (
	separator  = " | "
	sampleRows = 1000
	narrowest  = 4 // no column is cut below this
)

// cells is fixed rather than taken from the locale: a terminal shows ambiguous letters
// narrow unless it is set up for an East Asian language.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

func newTablePrinter(out *bufio.Writer, r *Result, limit int) *tablePrinter {
	p := &tablePrinter{out: out, limit: limit}
	for i, t := range r.types {
		p.names = append(p.names, p.cell(r.names[i]))
		p.right = append(p.right, t.numeric())
	}
	return p
}

func (p *tablePrinter) begin() error { return nil }

func (p *tablePrinter) row(values []any) error {
	p.rows++
	line := make([]string, len(values))
	for i, value := range values {
		line[i] = p.cell(string(appendText(nil, value)))
	}
	if p.widths != nil {
		return p.print(line)
	}
	if p.held = append(p.held, line); len(p.held) == sampleRows {
		return p.printHeld()
	}
	return nil
}

func (p *tablePrinter) end() error {
	if p.widths == nil {
		if err := p.printHeld(); err != nil {
			return err
		}
	}
	unit := "rows"
	if p.rows == 1 {
		unit = "row"
	}
	_, err := fmt.Fprintf(p.out, "(%d %s)\n", p.rows, unit)
	return err
}

func (p *tablePrinter) printHeld() error {
	p.widths = make([]int, len(p.names))
	for _, line := range append([][]string{p.names}, p.held...) {
		for i, cell := range line {
			p.widths[i] = max(p.widths[i], cells.StringWidth(cell))
		}
	}
	if p.limit > 0 {
		p.narrow()
	}
	rule := make([]string, len(p.widths))
	for i, width := range p.widths {
		rule[i] = strings.Repeat("-", width)
	}
	if err := p.print(p.names); err != nil {
		return err
	}
	if _, err := p.out.WriteString(strings.Join(rule, "-+-") + "\n"); err != nil {
		return err
	}
	for _, line := range p.held {
		if err := p.print(line); err != nil {
			return err
		}
	}
	p.held = nil
	return nil
}

// narrow cuts the widest columns until the table fits. Numbers are not cut: half a
// number is a wrong one.
func (p *tablePrinter) narrow() {
	for {
		total, widest := -len(separator), -1
		for i, width := range p.widths {
			total += width + len(separator)
			if !p.right[i] && width > narrowest && (widest < 0 || width > p.widths[widest]) {
				widest = i
			}
		}
		if total <= p.limit || widest < 0 {
			return
		}
		p.widths[widest]--
	}
}

func (p *tablePrinter) print(line []string) error {
	var s strings.Builder
	for i, cell := range line {
		if i > 0 {
			s.WriteString(separator)
		}
		if p.limit > 0 && !p.right[i] {
			cell = cells.Truncate(cell, p.widths[i], "…")
		}
		pad := strings.Repeat(" ", max(0, p.widths[i]-cells.StringWidth(cell)))
		if p.right[i] {
			s.WriteString(pad + cell)
		} else {
			s.WriteString(cell + pad)
		}
	}
	_, err := p.out.WriteString(strings.TrimRight(s.String(), " ") + "\n")
	return err
}

// cell makes a value safe to show in one line: what would move the cursor, change
// colors or reorder text is written as an escape.
func (p *tablePrinter) cell(s string) string {
	if p.limit > 0 {
		s = cells.Truncate(s, p.limit, "…")
	}
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var safe strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			safe.WriteString(`\n`)
		case r == '\t':
			safe.WriteString(`\t`)
		case unprintable(r):
			fmt.Fprintf(&safe, `\u%04x`, r)
		default:
			safe.WriteRune(r)
		}
	}
	return safe.String()
}

// unprintable leaves the joiners be, which emoji and some scripts are written with.
func unprintable(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r) && r != nonJoiner && r != joiner
}
