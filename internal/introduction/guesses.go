package introduction

// Guesses counts wrong codes at the host. It is a counter and nothing else: the caller asks it in HostConfig.Lookup, so
// that a burnt code answers nobody any more, not even those whose introduction had begun. Zero is ready to use.
//
// The chance of a stranger is 3 in 2²⁵ for a code, and 10 in 2²⁵ (3·10⁻⁷) for a share as long as nobody calls Rearm.
type Guesses struct {
	code  int
	share int
}

const (
	// GuessesPerCode wrong ones burn a code. Three, since people mishear; the check symbol catches what they mistype.
	GuessesPerCode = 3
	// GuessesPerShare wrong ones, over all codes, stop introductions by code until a person calls Rearm: a code that is
	// renewed again and again must not be a guess a second for ever.
	GuessesPerShare = 10
)

// Wrong records one ErrWrongCode. Links and resume secrets are not counted: 128 bits can't be guessed, and counting
// them would let anyone burn the code.
func (g *Guesses) Wrong(kind Kind) {
	if kind != KindCode {
		return
	}
	g.code++
	g.share++
}

// Renew is told that a fresh code was made. What the share has used up stays used.
func (g *Guesses) Renew() { g.code = 0 }

// Rearm is told that a person, having been told of the wrong codes, wants to go on.
func (g *Guesses) Rearm() { g.share = 0 }

// Burnt tells whether the present code is void.
func (g *Guesses) Burnt() bool { return g.code >= GuessesPerCode || g.Stopped() }

// Stopped tells whether no code is good any more until Rearm.
func (g *Guesses) Stopped() bool { return g.share >= GuessesPerShare }

// Count is the number of wrong codes since the present code was made.
func (g *Guesses) Count() int { return g.code }
