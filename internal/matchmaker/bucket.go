package matchmaker

import "time"

// A bucket limits a rate: it holds up to size units and gains rate units a second. Zero is a full one.
type bucket struct {
	used float64
	at   time.Time
}

// take takes units out, or nothing at all if there are not enough.
func (b *bucket) take(now time.Time, units, size, rate float64) bool {
	used := b.level(now, rate)
	if used+units > size {
		return false
	}
	b.used, b.at = used+units, now
	return true
}

// full tells whether nothing is missing, so that the bucket can be forgotten.
func (b *bucket) full(now time.Time, rate float64) bool { return b.level(now, rate) == 0 }

func (b *bucket) level(now time.Time, rate float64) float64 {
	return max(0, b.used-now.Sub(b.at).Seconds()*rate)
}
