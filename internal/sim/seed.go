package sim

import (
	"fmt"
	"math/bits"
	"time"
)

// seed names one place in the company. Every fact there is drawn from it, so nothing has to be remembered.
type seed uint64

func newSeed(n int64) seed { return seed(mix(uint64(n) ^ 0x9e3779b97f4a7c15)) }

func (s seed) s(part string) seed {
	h := uint64(s)
	for i := range len(part) {
		h = (h ^ uint64(part[i])) * 0x100000001b3
	}
	return seed(mix(h ^ uint64(len(part))<<56))
}

func (s seed) i(n int) seed { return seed(mix(uint64(s) + uint64(n)*0xd1342543de82ef95 + 1)) }

func (s seed) draw() *draw { return &draw{uint64(s)} }

// mix spreads the bits of its argument (the finalizer of splitmix64).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// draw is a stream of numbers from one seed.
type draw struct{ state uint64 }

func (d *draw) next() uint64 {
	d.state += 0x9e3779b97f4a7c15
	return mix(d.state)
}

func (d *draw) n(limit int) int {
	if limit <= 1 {
		return 0
	}
	hi, _ := bits.Mul64(d.next(), uint64(limit))
	return int(hi)
}

// chance is true in about percent cases of a hundred.
func (d *draw) chance(percent int) bool { return d.n(100) < percent }

func pick[T any](d *draw, list []T) T { return list[d.n(len(list))] }

func (d *draw) hex(length int) string { return d.from("0123456789abcdef", length) }

func (d *draw) digits(length int) string { return d.from("0123456789", length) }

func (d *draw) alnum(length int) string {
	return d.from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", length)
}

// upper draws from the letters and digits that AWS uses in IDs of identities.
func (d *draw) upper(length int) string { return d.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", length) }

func (d *draw) lower(length int) string {
	return d.from("abcdefghijklmnopqrstuvwxyz0123456789", length)
}

func (d *draw) from(alphabet string, length int) string {
	b := make([]byte, length)
	for i := range b {
		b[i] = alphabet[d.n(len(alphabet))]
	}
	return string(b)
}

func (d *draw) uuid() string {
	return fmt.Sprintf("%s-%s-4%s-a%s-%s", d.hex(8), d.hex(4), d.hex(3), d.hex(3), d.hex(12))
}

// before draws a moment in the days before t, at a whole second.
func (d *draw) before(t time.Time, days int) time.Time {
	return t.Add(-time.Duration(d.n(days*86400)+1) * time.Second)
}

// between draws a moment at a whole second, from one to before another.
func (d *draw) between(from, to time.Time) time.Time {
	return from.Add(time.Duration(d.n(int(to.Sub(from)/time.Second))) * time.Second)
}

// cycle is the last moment, not after now, of something that recurs every period from the anchor on, and its number.
func cycle(d *draw, anchor, now time.Time, period time.Duration) (time.Time, int) {
	start := anchor.Add(-time.Duration(d.n(int(period/time.Second))) * time.Second)
	n := int(now.Sub(start) / period)
	return start.Add(time.Duration(n) * period), n
}
