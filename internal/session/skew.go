package session

import "earshot/internal/text"

// through takes a change of a skewed buffer to the text behind the skew: mine is what becomes of that text, rest the
// skew between the two texts afterwards. Text that is only in the buffer is the skew's: deleting it makes no event.
// Text that is only behind the skew was not seen, so it is not deleted. What is inserted goes to both.
//
//	behind ──skew──▶ buffer
//	  │ mine           │ p
//	  ▼                ▼
//	 new  ──rest──▶  new buffer
func through(skew, p text.Patch, bufferLen int) (mine, rest text.Patch) {
	s := segments(skew, bufferLen)
	var mineEdits, restEdits []text.Edit
	behind, out := 0, 0 // places in the text behind, and in the new text behind
	at := 0             // place in the buffer
	next := 0           // the edit of p that comes next
	ins := func(edit text.Edit) {
		mineEdits = append(mineEdits, text.Edit{Pos: behind, Ins: edit.Ins})
		out += runes(edit.Ins)
	}
	deletedUntil := 0
	for _, g := range s {
		switch g.kind {
		case onlyBehind:
			restEdits = append(restEdits, text.Edit{Pos: out, Del: g.n})
			behind += g.n
			out += g.n
		default:
			body := []rune(g.text)
			for i := 0; i < g.n; i++ {
				if next < len(p) && p[next].Pos == at {
					ins(p[next])
					deletedUntil = at + p[next].Del
					next++
				}
				gone := at < deletedUntil
				switch {
				case g.kind == both && gone:
					mineEdits = append(mineEdits, text.Edit{Pos: behind, Del: 1})
					behind++
				case g.kind == both:
					behind++
					out++
				case !gone:
					restEdits = append(restEdits, text.Edit{Pos: out, Ins: string(body[i])})
				}
				at++
			}
		}
	}
	if next < len(p) {
		ins(p[next])
	}
	mine, _ = text.NewPatch(mineEdits...)
	rest, _ = text.NewPatch(restEdits...)
	return mine, rest
}

type segmentKind uint8

const (
	both segmentKind = iota
	onlyBehind
	onlyBuffer
)

type segment struct {
	kind segmentKind
	n    int    // code points
	text string // onlyBuffer
}

func segments(skew text.Patch, bufferLen int) []segment {
	var s []segment
	behind, at := 0, 0
	for _, edit := range skew {
		if n := edit.Pos - behind; n > 0 {
			s = append(s, segment{kind: both, n: n})
			at += n
		}
		if edit.Del > 0 {
			s = append(s, segment{kind: onlyBehind, n: edit.Del})
		}
		if n := runes(edit.Ins); n > 0 {
			s = append(s, segment{kind: onlyBuffer, n: n, text: edit.Ins})
			at += n
		}
		behind = edit.Pos + edit.Del
	}
	return append(s, segment{kind: both, n: bufferLen - at})
}

func runes(s string) int {
	n := 0
	for range s {
		n++
	}
	return n
}
