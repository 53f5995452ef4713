package workspace

import "strings"

// pattern is one glob of a .gitignore file, compiled. It is matched by following all ways through it at once, so
// that the time is at most its length times the text's: no pattern of a hostile repository can make it explode.
// The meaning is that of git's wildmatch (gitignore(5) and fnmatch(3) tell it in words), byte by byte.
type pattern struct {
	steps []step
	fold  bool // text and pattern are compared in lower case (ASCII)

	// Nearly all patterns are a text, or a text behind one star: simple ones, for which the steps are not looked at.
	simple, starred bool
	text            string
}

type step struct {
	op  op
	c   byte       // of opByte
	set *[4]uint64 // of opSet
}

type op uint8

const (
	opByte op = iota // this byte
	opAny            // any byte but a slash
	opSet            // a byte of the set, but no slash
	opStar           // bytes without a slash, or none
	opAll            // any bytes, or none
	opDirs           // nothing, or anything that ends with a slash; opInDirs follows
	opInDirs
)

// compile reads a glob; false if it can match nothing. Where open is true, two stars at its head count as if a slash
// stood before them.
func compile(glob string, open, fold bool) (pattern, bool) {
	p := pattern{fold: fold}
	if fold {
		glob = strings.ToLower(glob)
	}
	for i := 0; i < len(glob); {
		switch c := glob[i]; c {
		case '*':
			i = p.stars(glob, i, open)
		case '?':
			p.add(step{op: opAny})
			i++
		case '[':
			set, next := bracket(glob, i+1, fold)
			if set == nil {
				return pattern{}, false
			}
			p.add(step{op: opSet, set: set})
			i = next
		case '\\':
			if i++; i == len(glob) {
				return pattern{}, false
			}
			p.add(step{op: opByte, c: glob[i]})
			i++
		default:
			p.add(step{op: opByte, c: c})
			i++
		}
	}
	p.simplify()
	return p, true
}

// simplify finds out whether the pattern is a simple one.
func (p *pattern) simplify() {
	p.simple, p.starred, p.text = false, false, ""
	var text []byte
	for i, s := range p.steps {
		switch {
		case s.op == opByte:
			text = append(text, s.c)
		case s.op == opStar && i == 0:
			p.starred = true
		default:
			return
		}
	}
	p.simple, p.text = !p.fold, string(text)
}

func (p *pattern) add(s step) { p.steps = append(p.steps, s) }

// stars reads the run of stars at i and gives the place behind what it took. Two or more are special only if
// they fill the place between slashes.
func (p *pattern) stars(glob string, i int, open bool) int {
	end := i
	for end < len(glob) && glob[end] == '*' {
		end++
	}
	rest := glob[end:]
	alone := i == 0 && open || i > 0 && glob[i-1] == '/'
	switch {
	case end-i == 1 || !alone || rest != "" && rest[0] != '/' && !strings.HasPrefix(rest, `\/`):
		p.add(step{op: opStar})
	case strings.HasPrefix(rest, "/"):
		p.add(step{op: opDirs})
		p.add(step{op: opInDirs})
		return end + 1
	default:
		p.add(step{op: opAll})
	}
	return end
}

// match tells whether the pattern is all of text; false, with w over, if that would take more than is left of w.
func (p *pattern) match(text string, w *work) bool {
	if p.simple {
		if !w.spend(1) {
			return false
		}
		rest, ok := strings.CutSuffix(text, p.text)
		return ok && (rest == "" || p.starred && !strings.Contains(rest, "/"))
	}
	var room [2][128]bool
	now, next := room[0][:], room[1][:]
	if len(p.steps) >= len(now) {
		now, next = make([]bool, len(p.steps)+1), make([]bool, len(p.steps)+1)
	}
	now, next = now[:len(p.steps)+1], next[:len(p.steps)+1]
	p.reach(now, 0)
	for i := range len(text) {
		if !w.spend(len(p.steps)) || !p.advance(now, next, text[i]) {
			return false
		}
		now, next = next, now
		clear(next)
	}
	return now[len(p.steps)]
}

// reach marks the step i, and those behind it that may be reached without a byte.
func (p *pattern) reach(set []bool, i int) {
	for !set[i] {
		set[i] = true
		if i == len(p.steps) {
			return
		}
		switch p.steps[i].op {
		case opStar, opAll:
			i++
		case opDirs:
			set[i+1] = true
			i += 2
		default:
			return
		}
	}
}

// advance marks in next where the byte c leads from now; false if nowhere.
func (p *pattern) advance(now, next []bool, c byte) bool {
	if p.fold && 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	any := false
	for i, s := range p.steps {
		if !now[i] {
			continue
		}
		to := i + 1
		switch s.op {
		case opByte:
			if c != s.c {
				continue
			}
		case opAny, opSet:
			if c == '/' || s.op == opSet && s.set[c/64]>>(c%64)&1 == 0 {
				continue
			}
		case opStar:
			if c == '/' {
				continue
			}
			to = i
		case opAll:
			to = i
		case opInDirs:
			next[i] = true
			any = true
			if c != '/' {
				continue
			}
		case opDirs:
			continue
		}
		p.reach(next, to)
		any = true
	}
	return any
}

// bracket reads a set whose first byte behind the bracket is glob[i]; nil if it has no end or names an unknown class.
func bracket(glob string, i int, fold bool) (set *[4]uint64, next int) {
	set = new([4]uint64)
	negated := i < len(glob) && (glob[i] == '!' || glob[i] == '^')
	if negated {
		i++
	}
	last, ranged := byte(0), false // the byte that a range may begin with
	for first := true; ; first = false {
		if i >= len(glob) {
			return nil, 0
		}
		c := glob[i]
		if c == ']' && !first {
			break
		}
		if c == '[' && strings.HasPrefix(glob[i+1:], ":") {
			size, ok := class(set, glob[i:], fold)
			if !ok {
				return nil, 0
			}
			if size > 0 {
				i, ranged = i+size, false
				continue
			}
		}
		isRange := c == '-' && ranged && i+1 < len(glob) && glob[i+1] != ']'
		if isRange {
			i++
			c = glob[i]
		}
		if c == '\\' {
			if i++; i >= len(glob) {
				return nil, 0
			}
			c = glob[i]
		}
		if isRange {
			addRange(set, last, c, fold)
		} else {
			addRange(set, c, c, fold)
		}
		last, ranged = c, !isRange
		i++
	}
	if negated {
		for k := range set {
			set[k] = ^set[k]
		}
	}
	return set, i + 1
}

func addRange(set *[4]uint64, from, to byte, fold bool) {
	for c := int(from); c <= int(to); c++ {
		b := byte(c)
		set[b/64] |= 1 << (b % 64)
		if fold && 'A' <= b && b <= 'Z' {
			b |= 0x20
			set[b/64] |= 1 << (b % 64)
		}
	}
}

// class adds what [:name:] at the head of s stands for and gives its length: 0 if it is no class after all, false
// if the class is unknown.
func class(set *[4]uint64, s string, fold bool) (int, bool) {
	end := strings.IndexByte(s[2:], ']')
	if end < 0 {
		return 0, false
	}
	end += 2
	if end == 2 || s[end-1] != ':' {
		return 0, true
	}
	in, ok := classes[s[2:end-1]]
	if !ok {
		return 0, false
	}
	for c := range 128 {
		b := byte(c)
		upper := fold && 'a' <= b && b <= 'z' && in(b&^0x20)
		if in(b) || upper {
			set[b/64] |= 1 << (b % 64)
		}
	}
	return end + 1, true
}

// classes are those of POSIX in the C locale.
var classes = map[string]func(c byte) bool{
	"alnum":  func(c byte) bool { return isLetter(c) || isDigit(c) },
	"alpha":  isLetter,
	"blank":  func(c byte) bool { return c == ' ' || c == '\t' },
	"cntrl":  func(c byte) bool { return c < 0x20 || c == 0x7f },
	"digit":  isDigit,
	"graph":  func(c byte) bool { return 0x20 < c && c < 0x7f },
	"lower":  func(c byte) bool { return 'a' <= c && c <= 'z' },
	"print":  func(c byte) bool { return 0x20 <= c && c < 0x7f },
	"punct":  func(c byte) bool { return 0x20 < c && c < 0x7f && !isLetter(c) && !isDigit(c) },
	"space":  func(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' },
	"upper":  func(c byte) bool { return 'A' <= c && c <= 'Z' },
	"xdigit": func(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' },
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
