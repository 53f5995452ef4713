package session

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"earshot/internal/crdt"
	"earshot/internal/threat"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// race is a host and a guest whose role changes while both type, links break, and frames cross in any order that channels allow.
type race struct {
	w           *world
	host, guest *node
	h, g        *editor
	script      *editor
	marker      rune
	mine        map[rune]bool // the guest's markers,
	void        map[rune]bool // of these what was under way when it was made a viewer
}

func newRace(t testing.TB, seed uint64) *race {
	w, host, guest := pair(t, "one\ntwo\n")
	r := &race{w: w, host: host, guest: guest, h: host.connect(), g: guest.connect(), script: host.connect(), marker: 0x20000,
		mine: map[rune]bool{}, void: map[rune]bool{}}
	r.h.open(fileURI, "one\ntwo\n")
	r.g.fetch(w.uri("a.txt"))
	w.rng = rand.New(rand.NewPCG(seed, 3))
	return r
}

// underWay are the guest's markers that are in its copy and not in the host's text.
func (r *race) underWay() []rune {
	d := r.guest.doc()
	if d == nil || !d.ready || d.void {
		return nil
	}
	there := r.host.head()
	var all []rune
	for _, c := range d.text.Text().String() {
		if r.mine[c] && !strings.ContainsRune(there, c) {
			all = append(all, c)
		}
	}
	return all
}

// says gives the host's daemon a request at once, whatever is under way.
func (r *race) says(p protocol.DaemonParams) {
	r.script.id++
	r.host.take(ClientCalled{Conn: r.script.conn, ID: protocol.RequestID(fmt.Sprint(r.script.id)), Params: p})
}

func (r *race) setRole(role protocol.Role) {
	m := r.host.e.sessions[0].member(r.guest.member)
	if m == nil || m.Role == role {
		return
	}
	if role == protocol.RoleViewer {
		for _, c := range r.underWay() {
			r.void[c] = true
		}
	}
	r.says(roleOf(r.host, r.guest, role))
}

func (r *race) act() {
	w := r.w
	switch n := w.rng.IntN(100); {
	case n < 45:
		r.mine[r.marker] = true
		r.g.types(w.rng.IntN(r.g.buf.Len()+1), 0, string(r.marker))
		r.marker++
	case n < 65:
		r.h.types(w.rng.IntN(r.h.buf.Len()+1), 0, string(r.marker))
		r.marker++
	case n < 78:
		r.setRole(protocol.RoleViewer)
	case n < 92:
		r.setRole(protocol.RoleEditor)
	case n < 94:
		w.breakLink(r.guest)
	default:
		w.now = w.now.Add(time.Duration(w.rng.IntN(400)) * time.Millisecond)
		for _, n := range w.nodes {
			n.step(Tick{})
		}
		r.mend()
	}
}

func (r *race) mend() {
	if r.guest.rejoin != 0 && r.host.e.sessions[0].member(r.guest.member) != nil {
		r.w.connect(r.host, r.guest, r.guest.rejoin)
		r.guest.rejoin = 0
	}
}

func (r *race) rest() {
	r.w.rng = nil
	r.w.run()
	for range 3 {
		r.w.pass(time.Second)
		r.mend()
		r.w.run()
	}
	r.w.pass(30 * time.Second)
}

// TestA3Demoted: what was under way when a guest was made a viewer never comes in, whatever role it has when it arrives, and
// whatever breaks in between; what it does as an editor does, and at rest all texts are equal.
func TestA3Demoted(t *testing.T) {
	void, taken := 0, 0
	for seed := range uint64(threat.Times(150, 10_000)) {
		r := newRace(t, seed)
		for range 40 {
			r.act()
		}
		r.setRole(protocol.RoleEditor) // that nothing is refused for being late
		r.rest()
		there := r.host.head()
		for c := range r.void {
			if strings.ContainsRune(there, c) {
				t.Fatalf("seed %d: %U was under way when the guest was demoted, and is in the text", seed, c)
			}
		}
		for _, c := range there {
			if r.mine[c] {
				taken++
			}
		}
		void += len(r.void)
		if r.h.text() != there || r.g.text() != there || r.guest.head() != there {
			t.Fatalf("seed %d: texts differ: %q, %q, %q, %q", seed, there, r.h.text(), r.g.text(), r.guest.head())
		}
		if r.host.e.healed+r.guest.e.healed != 0 {
			t.Fatalf("seed %d: copies differed", seed)
		}
	}
	t.Logf("%d edits dropped, %d taken", void, taken)
	if void == 0 || taken == 0 {
		t.Errorf("%d edits were dropped and %d taken: nothing was tried", void, taken)
	}
}

// TestA3Removed: nothing of one who was removed comes in any more, neither what was under way nor anything after; its link is
// closed, its way back void, and it can't come back as who it was.
func TestA3Removed(t *testing.T) {
	late := 0
	for seed := range uint64(threat.Times(150, 10_000)) {
		r := newRace(t, seed)
		for range 10 + seed%20 {
			r.act()
		}
		late += len(r.underWay())
		then := map[rune]bool{}
		for _, c := range r.host.head() {
			then[c] = true
		}
		r.host.fx = nil
		r.says(&protocol.RemoveMemberParams{Session: r.host.shared(), Member: r.guest.member})
		if gone := effects[Forget](r.host); len(gone) != 1 || gone[0].Member != r.guest.member {
			t.Fatalf("seed %d: %+v: want its way back void", seed, gone)
		}
		r.says(roleOf(r.host, r.guest, protocol.RoleEditor))
		for range 10 {
			r.act()
			if r.guest.rejoin != 0 { // it tries all the same
				r.w.connect(r.host, r.guest, r.guest.rejoin)
				r.guest.rejoin = 0
			}
		}
		r.rest()
		for _, c := range r.host.head() {
			if r.mine[c] && !then[c] {
				t.Fatalf("seed %d: %U came in after the guest was removed", seed, c)
			}
		}
		if s := r.host.e.sessions[0]; s.member(r.guest.member) != nil || len(s.remotes) != 0 {
			t.Fatalf("seed %d: it is still here", seed)
		}
	}
	t.Logf("%d edits were under way", late)
	if late == 0 {
		t.Error("nothing was under way: nothing was tried")
	}
}

// TestA3RemovedIsAskedAbout: one who was removed still has the code. Where guests come in unasked, that ends.
func TestA3RemovedIsAskedAbout(t *testing.T) {
	_, host, ed := door(t, func(p *protocol.ShareParams) { p.Admit, p.Guests = protocol.AdmitAuto, 3 })
	host.knock(1, "Eve")
	eve := lastDecision(t, host)
	host.step(GuestLinked{Session: host.shared(), Member: eve.Member, Link: 5000})
	host.knock(2, "Ben")
	if d := lastDecision(t, host); !d.Admit {
		t.Fatalf("decided %+v", d)
	}
	ed.call(&protocol.RemoveMemberParams{Session: host.shared(), Member: eve.Member})
	if !ed.wasTold("still has the code") {
		t.Error("the host was not told")
	}
	host.fx = nil
	host.knock(3, "Eve")
	if got := effects[Decide](host); len(got) != 0 {
		t.Errorf("one who was removed came in again: %+v", got)
	}
	ed.decides(&protocol.AdmitAnswer{Admit: true}, nil)
	if d := lastDecision(t, host); !d.Admit || d.Intro != 3 {
		t.Errorf("decided %+v", d)
	}
}

// TestA5NoFreshStart: where guests come in unasked, who has used up its paces does not have them anew by leaving and coming again
// with the code; one whom the host's people let in does.
func TestA5NoFreshStart(t *testing.T) {
	for _, admit := range []protocol.Admission{protocol.AdmitAuto, protocol.AdmitAsk} {
		_, host, ed := door(t, func(p *protocol.ShareParams) { p.Admit = admit })
		comes := func(n int) *stranger {
			host.knock(IntroID(n), "Eve")
			if admit == protocol.AdmitAsk {
				ed.decides(&protocol.AdmitAnswer{Admit: true}, nil)
			}
			eve := lastDecision(t, host)
			link := LinkID(5000 + n)
			host.step(GuestLinked{Session: host.shared(), Member: eve.Member, Link: link})
			return &stranger{n: host, link: link, id: eve.Member}
		}
		eve := comes(1)
		host.e.links[eve.link].spent.frames = host.w.now.Add(frameBurst * frameEach)
		eve.sends(&wire.Bye{})
		host.fx = nil
		eve = comes(2)
		eve.sends(&wire.List{Op: 1})
		if out := len(got[*wire.Bye](eve)) == 1; out != (admit == protocol.AdmitAuto) {
			t.Errorf("%s: one who comes again with nothing left is shown the door: %v", admit, out)
		}
	}
}

// TestA2PresenceWritesNothing: cursors are no way to write. Whatever they say, of whatever document, version and place, texts,
// files and members stay as they are.
func TestA2PresenceWritesNothing(t *testing.T) {
	for _, standing := range []string{viewer, editing} {
		c := callerAs(t, standing)
		before := c.hostState()
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range threat.Times(1500, 100_000) {
			d := randomDice(rng.Uint64(), 200)
			f := &wire.Presence{Member: d.word(), Client: d.word(), Seq: uint64(d.number()) + uint64(i), Doc: pick(&d, c.num, d.doc()),
				Version: d.heads(&forger{doc: c.doc}), Visible: pick(&d, nil, &[2]int{d.number(), d.number()})}
			for range d.n(4) {
				f.Selections = append(f.Selections, [2]int{d.number(), d.number()})
			}
			c.host.step(FrameArrived{Link: c.link, Channel: pick(&d, Presence, Live, Bulk), Data: wire.Encode(f)})
			if i%64 == 0 {
				c.w.pass(2 * presenceGap)
			}
			for _, n := range c.w.nodes {
				n.fx, n.trail = nil, nil
			}
			for _, ed := range []*editor{c.ed, c.other} {
				ed.notes = ed.notes[:0]
			}
		}
		if is := changed(before, c.hostState()); len(is) > 0 {
			t.Errorf("as %s: cursors changed the %v", standing, is)
		}
		c.w.want(callText, c.host, c.ed, c.w.nodes[1], c.other)
	}
}

// TestA4Authors: who made an edit is told by the link that it came by, not by what it says. Whatever two hostile guests send, no
// edit of theirs is in an honest one's name or in each other's, and what the honest type is there.
func TestA4Authors(t *testing.T) {
	claimed := 0
	for seed := range threat.Times(60, 10_000) {
		d := randomDice(uint64(seed)+1<<41, 500)
		w, host, guest := pair(t, "abc\n")
		h, g := host.connect(), guest.connect()
		h.open(fileURI, "abc\n")
		g.fetch(w.uri("a.txt"))
		h.adds("H")
		g.adds("G")
		evil := []*stranger{host.admit(5000, "eve"), host.admit(5001, "mal")}
		forges := []*forger{{mine: 42}, {mine: 43}}
		owners := map[crdt.Agent]string{}
		for len(d) > 0 {
			i := d.n(2)
			s, forge := evil[i], forges[i]
			if host.e.links[s.link] == nil {
				*s = *host.admit(s.link+10, "eve")
				forge.doc = nil
			}
			if forge.doc == nil || d.n(5) == 0 {
				forge.doc, forge.num = s.opens()
				forge.last = nil
			}
			honest := map[crdt.Agent]uint32{}
			for _, n := range w.nodes {
				for _, m := range n.doc().mirrors {
					honest[m.agent] = host.doc().text.NextSeq(m.agent)
				}
			}
			known := map[crdt.Agent]uint32{}
			for a := range owners {
				known[a] = host.doc().text.NextSeq(a)
			}
			s.sends(s.summed(forge.edit(&d)))
			for a, seq := range honest {
				if host.doc().text.NextSeq(a) != seq {
					t.Fatalf("seed %d: an edit came in in the name of an honest one", seed)
				}
			}
			for a, owner := range host.doc().owners {
				if was := owners[a]; was != "" && was != owner {
					t.Fatalf("seed %d: %s took over a name of %s", seed, owner, was)
				}
				if owner != s.id && known[a] != 0 && host.doc().text.NextSeq(a) != known[a] {
					t.Fatalf("seed %d: %s wrote in the name of %s", seed, s.id, owner)
				}
				owners[a] = owner
			}
			claimed = max(claimed, len(owners))
			host.trail, host.fx = nil, nil
		}
		h.adds("H")
		g.adds("G")
		w.want(h.text(), g, host, guest)
		if strings.Count(host.head(), "H") < 1 && !strings.Contains(host.head(), "evil") {
			t.Fatalf("seed %d: the text is %q", seed, host.head())
		}
	}
	if claimed < 3 {
		t.Errorf("%d names were in use: nothing was tried", claimed)
	}
}

// flood sends a frame again and again until the link is closed, and gives how often it went.
func flood(s *stranger, most int, f func(i int) wire.Frame) int {
	for i := range most {
		if s.n.e.links[s.link] == nil {
			return i
		}
		s.n.step(FrameArrived{Link: s.link, Channel: Presence, Data: wire.Encode(f(i))})
		s.n.trail = nil
		if s.n.e.links[s.link] != nil {
			s.n.fx = nil
		}
	}
	return most
}

// TestA5Flood: who sends more than any person's editor is shown the door with a word, at the host and at a guest alike; a
// long macro is not, nor is a pace that people could keep for ever, and coming back is no new beginning.
func TestA5Flood(t *testing.T) {
	presence := func(i int) wire.Frame { return &wire.Presence{Member: "xxxxxxxxxx", Client: "c", Seq: uint64(i) + 1} }
	check := func(t *testing.T, s *stranger, sent, want int) {
		t.Helper()
		if sent != want {
			t.Errorf("its link was closed after %d frames, want %d", sent, want)
		}
		bye := got[*wire.Bye](s)
		if len(bye) != 1 || bye[0].Kind != string(protocol.RateLimited) || !strings.Contains(bye[0].Reason, "far more than people type") {
			t.Errorf("it was told %+v", bye)
		}
	}
	least := threat.Times(20, frameBurst) // frames of the burst that are really sent
	ahead := func(n *node, link LinkID, share int) {
		n.e.links[link].spent.frames = n.w.now.Add(time.Duration(frameBurst-least) * frameEach)
	}
	t.Run("a guest", func(t *testing.T) {
		w, h, g := shared(t, "abc")
		eve := h.n.admit(5000, "eve")
		ahead(h.n, 5000, 1)
		check(t, eve, flood(eve, 2*frameBurst, presence), least+1)
		if m := h.n.e.sessions[0].member(eve.id); m != nil {
			t.Error("it is still a member")
		}
		h.adds("!")
		w.want("abc!", h, g, h.n, g.n)
	})
	t.Run("listings", func(t *testing.T) {
		_, h, _ := shared(t, "abc")
		eve := h.n.admit(5000, "eve")
		ahead(h.n, 5000, 1)
		check(t, eve, flood(eve, frameBurst, func(i int) wire.Frame { return &wire.List{Op: uint32(i)} }), least/listCost+1)
	})
	t.Run("bytes", func(t *testing.T) {
		_, h, _ := shared(t, "abc")
		eve := h.n.admit(5000, "eve")
		fat := &wire.Events{Doc: 99, Data: make([]byte, wire.MaxPiece)}
		size := len(wire.Encode(fat))
		if !threat.Whole {
			h.n.e.links[5000].spent.bytes = h.n.w.now.Add(time.Duration(byteBurst-10*size) * byteEach)
		}
		want := 10
		if threat.Whole {
			want = byteBurst / size
		}
		check(t, eve, flood(eve, frameBurst, func(int) wire.Frame { return fat }), want+1)
	})
	t.Run("a guest that comes back", func(t *testing.T) {
		_, h, _ := shared(t, "abc")
		eve := h.n.admit(5000, "eve")
		ahead(h.n, 5000, 1)
		flood(eve, least/2, presence)
		h.n.step(LinkDown{Link: 5000})
		h.n.step(GuestLinked{Session: h.n.shared(), Member: eve.id, Link: 5001})
		again := &stranger{n: h.n, link: 5001, id: eve.id}
		check(t, again, flood(again, 2*frameBurst, presence), least-least/2+1)
	})
	t.Run("a pace for ever", func(t *testing.T) {
		w, h, _ := shared(t, "abc")
		eve := h.n.admit(5000, "eve")
		h.n.e.links[5000].spent.frames = w.now.Add(frameBurst * frameEach)
		for i := range threat.Times(200, 20_000) {
			w.now = w.now.Add(frameEach)
			flood(eve, 1, func(int) wire.Frame { return presence(i) })
		}
		if h.n.e.links[5000] == nil {
			t.Error("it was shown the door")
		}
	})
	t.Run("a host", func(t *testing.T) {
		g, host, ed := visitor(t, newWorld(t))
		g.e.links[host.link].spent.frames = g.w.now.Add((frameBurst - 1) * frameEach)
		sent := flood(host, 2*frameBurst*MaxGuests, presence)
		if sent != MaxGuests+1 {
			t.Errorf("it was left after %d frames, want %d", sent, MaxGuests+1)
		}
		if s := saw[*protocol.SessionChanged](ed); s.Session.State != protocol.SessionEnded || !strings.Contains(s.Session.Reason, "far more than people type") {
			t.Errorf("the guest was told %+v", s.Session)
		}
	})
}

// nasty are texts as a hostile guest or host may call itself, its files and its reasons.
var nasty = []string{
	"\x1b[2J\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07", "\x1bPq#0\x1b\\", "\u009b31m\u009d8;;http://x\u009c", "\x90q\x9c",
	"a\r\nb\x00c\x08\x7f", "\u202egnp.exe\u202c", "\u2066\u2069\u200e\u200f\u061c", "\u200b\u200c\u200d\ufeff\u2060\u00ad",
	"\u2028\u2029\u0085", "\U000e0001\U000e0041\U000e007f", "\ufe0f\u034f\u180b\u3164\u115f\u2800", "\ue000\U0010ffff\ufdd0\ufff9",
	"bad\xff\xc0\xaf\xed\xa0\x80", "e" + strings.Repeat("\u0301", 100), strings.Repeat("long ", 1000), "%s%n{{.}}<b>&amp;",
	" \t ", "",
}

// unfit finds the first text in what is for an editor's screen that would steer it, run over it or hide; a URI is escaped, and
// shown by who decodes it. Documents' texts are not looked at, but by their own fields.
func unfit(v reflect.Value, path string) string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return unfit(v.Elem(), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				if found := unfit(v.Field(i), path+"."+f.Name); found != "" {
					return found
				}
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if found := unfit(v.Index(i), path); found != "" {
				return found
			}
		}
	case reflect.String:
		s := v.String()
		for _, r := range s {
			if r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Cs, unicode.Co, unicode.Bidi_Control,
				unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) { // not by the rule that is tested
				return fmt.Sprintf("%s is %q", path, s)
			}
		}
		if strings.Contains(s, strings.Repeat("\u0301", 10)) || len(s) > 2*MaxSentence {
			return fmt.Sprintf("%s is %q", path, s)
		}
	}
	return ""
}

// shownOf is what an effect has an editor show; nil for a text of a document, which is shown as it is.
func shownOf(f Effect) any {
	switch f := f.(type) {
	case Notify:
		return f.Params
	case Ask:
		if _, edit := f.Params.(*protocol.ApplyWorkspaceEditParams); !edit {
			return f.Params
		}
	case Reply:
		if _, text := f.Result.(protocol.TextDocumentContentResult); !text {
			return f.Result
		}
	case ReplyError:
		return f.Err
	case CloseClient:
		return f.Reason
	}
	return nil
}

func wantFit(t *testing.T, n *node, what string) {
	t.Helper()
	for _, f := range n.fx {
		v := shownOf(f)
		if v == nil {
			continue
		}
		if found := unfit(reflect.ValueOf(v), reflect.TypeOf(v).String()); found != "" {
			t.Errorf("%s: an editor is shown %s", what, found)
		}
		if _, err := json.Marshal(v); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	n.fx, n.trail = nil, nil
}

// spoil puts a text into every string of a frame but ids, by which the frame is known; one of a kind of a few words too, where
// odd is set.
func spoil(v reflect.Value, s string, odd bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			spoil(v.Elem(), s, odd)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			fixed := name == "ID" || name == "Session" || name == "Member" || name == "Host"
			word := name == "Role" || name == "State" || name == "Kind" || name == "EOL" || name == "Instance" || name == "Color"
			if !fixed && (odd || !word) {
				spoil(v.Field(i), s, odd)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i), s, odd)
		}
	case reflect.String:
		v.SetString(s)
	}
}

// TestA14Screens: whatever the other side calls itself, its files and its reasons, in every string of every frame that there is,
// no editor is sent anything that would steer a screen, turn its writing round, hide or run on. The frames are the rows of the
// matrices, so that a new one is here too.
func TestA14Screens(t *testing.T) {
	for i, s := range nasty {
		host := callerAs(t, editing)
		host.host.connect().call(&protocol.SubscribeParams{})
		for _, r := range guestRows {
			if host.host.e.links[host.link] == nil {
				host.stranger = host.host.admit(host.link+1, s)
				host.doc, host.num = host.opens()
			}
			f := r.frame(host)
			spoil(reflect.ValueOf(f), s, true)
			host.sends(f)
			wantFit(t, host.host, fmt.Sprintf("%q in %s", s, r.name))
		}
		for _, odd := range []bool{false, true} {
			for j, r := range hostRows {
				if !threat.Whole && (i+j)%4 != 0 && r.name != "a reset" {
					continue // each text and each frame comes, not each with each
				}
				h := newHosted(t)
				script := h.g.connect()
				script.call(&protocol.SubscribeParams{})
				f := r.frame(h)
				spoil(reflect.ValueOf(f), s, odd)
				script.ask(&protocol.ListFilesParams{Session: "aaaaaaaaaa"})
				for _, list := range got[*wire.List](h.one) {
					answer := &wire.Listed{Op: list.Op, Entries: []wire.Entry{{Path: s}, {Path: "dir/" + s}, {Path: "a.txt"}}}
					if odd {
						answer = &wire.Listed{Op: list.Op, Failure: &wire.Failure{Kind: s, Message: s}}
					}
					h.one.sends(answer)
				}
				script.ask(&protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: "earshot://aaaaaaaaaa/a.txt"}})
				for _, save := range got[*wire.Save](h.one) {
					h.one.sends(&wire.Saved{Op: save.Op, Failure: &wire.Failure{Kind: s, Message: s}})
				}
				h.ed.adds("mine") // and that is lost where the copy is void
				h.one.sends(f)
				h.w.pass(time.Second)
				wantFit(t, h.g, fmt.Sprintf("%q in %s", s, r.name))
			}
		}
	}
}

// TestA14Knocks: likewise what a guest at the door calls itself, for every kind of editor.
func TestA14Knocks(t *testing.T) {
	for _, s := range nasty {
		w, host, one := door(t, nil)
		two := host.connect(stock("plain"))
		two.fetch("earshot://" + host.shared() + "/a.txt")
		one.call(&protocol.SubscribeParams{})
		host.fx = nil
		host.step(Knocked{Session: host.shared(), Intro: 3, Name: s, Client: s, Role: protocol.Role(s), Check: "123456"})
		if m := host.e.sessions[0].members[1]; m.Name == "" || m.Role != protocol.RoleEditor {
			t.Errorf("%q: the guest is %+v", s, m)
		}
		w.pass(AdmissionWait)
		wantFit(t, host, fmt.Sprintf("%q at the door", s))
	}
}

// TestA14Words: of what a host says of a member the words that have a meaning are those that it may say, and numbers are possible.
func TestA14Words(t *testing.T) {
	g, host, _ := visitor(t, newWorld(t))
	far, good := 1e308, 12.5
	host.sends(&wire.Members{Members: []wire.Member{
		{ID: "xxxxxxxxxx", Name: "x", Role: "root", State: "gone", Path: "\x1b", Color: "red", RTTMs: &far},
		{ID: "yyyyyyyyyy", Name: "\u200b", Role: "host", State: "reconnecting", Path: "relay", Color: "#00ff00", RTTMs: &good},
		{ID: "../../etc/", Name: "z"},
	}})
	all := g.e.sessions[0].info().Members
	want := []protocol.Member{
		{ID: "xxxxxxxxxx", Name: "x", Role: protocol.RoleViewer, State: protocol.MemberHere, Color: colors[0]},
		{ID: "yyyyyyyyyy", Name: "somebody", Role: protocol.RoleHost, State: protocol.MemberReconnecting, Path: "relay", Color: "#00ff00", RTTMs: &good},
	}
	if !reflect.DeepEqual(all, want) {
		t.Errorf("got %+v, want %+v", all, want)
	}
}

// TestH3Cursors: a guest keeps cursors of members alone, and so many.
func TestH3Cursors(t *testing.T) {
	g, host, _ := visitor(t, newWorld(t))
	for i := range 3 * MaxCursors {
		host.sends(&wire.Presence{Member: strings.Repeat("x", 11+i%2*1000), Client: fmt.Sprint(i), Seq: 1, Doc: 1})
	}
	if n := len(g.e.links[host.link].cursors); n != 0 {
		t.Errorf("%d cursors are kept of nobody", n)
	}
	for i := range 3 * MaxCursors {
		host.sends(&wire.Presence{Member: fmt.Sprintf("member%04d", i/20), Client: fmt.Sprint(i), Seq: 1, Doc: 1})
	}
	if n := len(g.e.links[host.link].cursors); n != MaxCursors {
		t.Errorf("%d cursors are kept, want %d", n, MaxCursors)
	}
	for _, p := range g.e.links[host.link].cursors {
		if n, err := strconv.Atoi(p.client); err != nil || n%20 >= cursorsEach {
			t.Errorf("cursor %s of %s is kept: that is more than its part", p.client, p.member)
		}
	}
}

// TestA15NamesApart: names are not verified. Who takes one that is here already, the host's too, is marked on every side.
func TestA15NamesApart(t *testing.T) {
	w := newWorld(t)
	w.disk["a.txt"] = "abc"
	host := w.node("Ana")
	host.share(nil)
	for _, step := range []struct{ takes, want string }{
		{"Ben", "Ben"}, {"Ben", "Ben (2)"}, {"b EN", "b EN (3)"}, {"ana", "ana (2)"}, {"B\u200ben", "Ben (4)"}, {"", "somebody"}, {" ", "somebody (2)"},
		{strings.Repeat("x", 60), strings.Repeat("x", MaxName)}, {strings.Repeat("x", 60), strings.Repeat("x", MaxName-5) + " (2)"},
	} {
		host.fx = nil
		host.knock(IntroID(900), step.takes)
		m := host.e.sessions[0].members[len(host.e.sessions[0].members)-1]
		host.step(GuestLinked{Session: host.shared(), Member: m.ID, Link: LinkID(900 + len(host.e.sessions[0].members))})
		if m.Name != step.want {
			t.Errorf("%q is called %q, want %q", step.takes, m.Name, step.want)
		}
	}
	stocky := host.connect(stock("plain"))
	stocky.fetch("earshot://" + host.shared() + "/a.txt")
	host.e.sessions[0].params.Admit = protocol.AdmitAsk
	host.step(Knocked{Session: host.shared(), Intro: 5, Name: "Ben", Client: "Neovim", Check: "123456"})
	_, says := stocky.question()
	for _, word := range []string{"Ben (5)", "not verified", "Neovim", "editor", "123456"} {
		if !strings.Contains(says, word) {
			t.Errorf("a stock client is asked %q, want it to hold %q", says, word)
		}
	}
}

// TestA16NothingActs: whatever a guest sends, the host's editors are asked for edits of shared texts and for nothing else: they are
// shown no document, run nothing, format and complete nothing, and no request of the other side's reaches them.
func TestA16NothingActs(t *testing.T) {
	for seed := range threat.Times(40, 10_000) {
		d := randomDice(uint64(seed)+1<<42, 400)
		c := callerAs(t, editing)
		stocky := c.host.connect(stock("plain"))
		stocky.fetch(c.w.uri("b.txt"))
		forge := &forger{doc: c.doc, num: c.num, mine: 42}
		c.host.fx = nil
		for len(d) > 0 && c.host.e.links[c.link] != nil {
			c.host.step(FrameArrived{Link: c.link, Channel: d.channel(), Data: wire.Encode(c.summed(guestFrame(&d, forge)))})
			for _, f := range c.host.fx {
				switch f := f.(type) {
				case Ask:
					p, edit := f.Params.(*protocol.ApplyWorkspaceEditParams)
					if !edit || len(p.Edit.DocumentChanges) != 1 {
						t.Fatalf("seed %d: the host's editor is asked for %s", seed, f.Params.Method())
					}
				case Notify:
					switch f.Params.(type) {
					case *protocol.ShowMessageParams, *protocol.SessionChanged, *protocol.PresenceChanged, *protocol.DocumentChanged, *protocol.FileChanged, *protocol.Happening:
					default:
						t.Fatalf("seed %d: the host's editor is sent %s", seed, f.Params.Method())
					}
				case SendFrame, CloseLink, Warn, LoadFile, ListFolder, SaveFile, CreateEntry, RenameEntry, DeleteEntry, Forget:
				default:
					t.Fatalf("seed %d: a guest had its host do %T", seed, f)
				}
			}
			c.host.fx, c.host.trail = nil, nil
		}
	}
}
