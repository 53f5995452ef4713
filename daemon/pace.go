package daemon

import "time"

// pace bounds how often strangers may begin an introduction at a room, whatever comes of it: what breaks off or is garbage
// is no guess, but each costs its place here. The matchmaker bounds it too, at as much, and is not trusted to. It belongs
// to the room's goroutine; zero is a full one.
type pace struct {
	used float64
	at   time.Time
}

const (
	// knocksAtOnce: as many as are introduced at once, so that a whole class may come together.
	knocksAtOnce = maxKnocks
	// knocksPerSecond: a PAKE is half a millisecond of one core, so that strangers can have a two-thousandth of it.
	knocksPerSecond = 1
)

// take tells whether one more may begin now.
func (p *pace) take(now time.Time) bool {
	used := max(0, p.used-now.Sub(p.at).Seconds()*knocksPerSecond)
	if used+1 > knocksAtOnce {
		return false
	}
	p.used, p.at = used+1, now
	return true
}
