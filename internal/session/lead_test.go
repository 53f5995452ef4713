package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"earshot/protocol"
	"earshot/protocol/wire"
)

// leadable makes an editor that follows window/showDocument.
func leadable(_ *editor, p *protocol.InitializeParams) {
	p.Capabilities.Window = &protocol.WindowCapabilities{ShowDocument: &protocol.ShowDocumentCapabilities{Support: true}}
}

// takeAsk takes the oldest question of a kind out of those that the editor has not answered; nil if there is none.
func takeAsk[P protocol.EditorParams](ed *editor) (uint64, P) {
	for i, a := range ed.asks {
		if p, ok := a.Params.(P); ok {
			ed.asks = slices.Delete(ed.asks, i, i+1)
			return a.Call, p
		}
	}
	var none P
	return 0, none
}

// led waits for the editor to be led and gives where to, as "uri line:character"; "" if it is not led anywhere.
func (ed *editor) led() string {
	ed.n.w.pass(2 * presenceGap)
	call, p := takeAsk[*protocol.ShowDocumentParams](ed)
	if p == nil {
		return ""
	}
	ed.n.step(ClientAnswered{Conn: ed.conn, Call: call, Result: &protocol.ShowDocumentResult{Success: true}})
	_, path, _ := strings.Cut(strings.TrimPrefix(p.URI, "earshot://"), "/")
	if p.Selection == nil {
		return path
	}
	if p.Selection.Start != p.Selection.End || !p.TakeFocus {
		ed.n.w.t.Errorf("led by %+v: what is selected goes with the next key", p)
	}
	if p.Earshot == nil || p.Earshot.Session != ed.n.e.sessions[0].id {
		ed.n.w.t.Errorf("led by %+v, which doesn't say whose place it is", p)
	}
	return fmt.Sprintf("%s %d:%d", path, p.Selection.Start.Line, p.Selection.Start.Character)
}

func wantLed(t *testing.T, ed *editor, want string) {
	t.Helper()
	if got := ed.led(); got != want {
		t.Errorf("an editor at %s is led to %q, want %q", ed.n.name, got, want)
	}
}

func (n *node) hostMember() string { return n.e.sessions[0].members[0].ID }

func follow(ed *editor, member string) {
	ed.n.w.t.Helper()
	ed.call(&protocol.FollowParams{Session: ed.n.e.sessions[0].id, Member: &member})
}

// TestFollow: one who follows is led to where the other is, into texts that it has not open too, until it types itself.
func TestFollow(t *testing.T) {
	w, host, guest := pair(t, "one\ntwo\nthree\n")
	w.disk["b.txt"] = "1\n2\n"
	a, other := host.connect(), host.connect()
	a.open(fileURI, "one\ntwo\nthree\n")
	b := guest.connect(leadable)
	follow(b, host.hostMember())
	wantLed(t, b, "")
	a.looks(4, 6)
	wantLed(t, b, "a.txt")
	wantLed(t, b, "") // it has not opened it
	b.fetch(w.uri("a.txt"))
	wantLed(t, b, "a.txt 1:2")
	wantLed(t, b, "")
	a.types(0, 0, "zero\n")
	a.looks(9, 9)
	wantLed(t, b, "a.txt 2:0")
	other.open("file:///w/b.txt", "1\n2\n")
	other.looks(2, 2)
	wantLed(t, b, "b.txt") // the newest of its editors
	a.looks(0, 0)
	wantLed(t, b, "a.txt 0:0")
	b.types(0, 0, "!")
	a.looks(5, 5)
	wantLed(t, b, "")
	follow(b, host.hostMember())
	wantLed(t, b, "a.txt 0:5")
	b.call(&protocol.FollowParams{Session: host.shared()})
	a.looks(1, 1)
	wantLed(t, b, "")
}

// TestFollowOneAtATime: an editor that is on its way is asked nothing more, and then led to where the other is by now.
func TestFollowOneAtATime(t *testing.T) {
	w, host, guest := pair(t, "0123456789")
	a, b := host.connect(), guest.connect(leadable)
	a.open(fileURI, "0123456789")
	b.fetch(w.uri("a.txt"))
	follow(b, host.hostMember())
	for i := range 5 {
		a.looks(i, i)
		w.pass(2 * presenceGap)
	}
	if len(b.asks) != 1 {
		t.Fatalf("%d questions are under way", len(b.asks))
	}
	wantLed(t, b, "a.txt 0:0")
	wantLed(t, b, "a.txt 0:4")
	wantLed(t, b, "")
}

// TestFollowSeesTheView: what the other sees comes along, mapped to the text that the follower has.
func TestFollowSeesTheView(t *testing.T) {
	w, host, guest := pair(t, "1\n2\n3\n4\n")
	a, b := host.connect(), guest.connect(leadable)
	a.open(fileURI, "1\n2\n3\n4\n")
	b.fetch(w.uri("a.txt"))
	follow(b, host.hostMember())
	a.notify(&protocol.PresenceUpdate{TextDocument: &protocol.TextDocumentIdentifier{URI: fileURI},
		Selections: []protocol.Selection{{}}, VisibleRange: &protocol.Range{Start: protocol.Position{Line: 1}, End: protocol.Position{Line: 3}}})
	w.pass(2 * presenceGap)
	_, p := takeAsk[*protocol.ShowDocumentParams](b)
	if p == nil || p.Earshot.VisibleRange == nil || p.Earshot.VisibleRange.Start.Line != 1 || !p.Earshot.Follow || p.Earshot.Member != host.hostMember() {
		t.Errorf("led by %+v", p)
	}
}

// TestFollowEnds: nobody is led by one who left, or when the session is over; nor is one who can't be.
func TestFollowEnds(t *testing.T) {
	w, host, guest := pair(t, "abc")
	third, _ := w.join("third")
	a, b := guest.connect(), third.connect(leadable)
	a.fetch(w.uri("a.txt"))
	follow(b, guest.member)
	a.looks(1, 1)
	wantLed(t, b, "a.txt")
	host.connect().call(&protocol.RemoveMemberParams{Session: host.shared(), Member: guest.member})
	if w.pass(time.Second); third.e.client(b.conn).leading != nil {
		t.Error("it still follows one who was removed")
	}
	nobody := "xxxxxxxxxx"
	wantKind(t, b.fails(&protocol.FollowParams{Session: host.shared(), Member: &nobody}), protocol.NoSuchMember)
	if err := a.fails(&protocol.FollowParams{Session: "nosession1"}); err == nil {
		t.Error("a session that is not there is followed")
	}
	me := host.hostMember()
	if err := host.connect().fails(&protocol.FollowParams{Session: host.shared(), Member: &me}); err == nil || err.Code != protocol.CodeInvalidRequest {
		t.Errorf("an editor that can't be led: %v", err)
	}
	follow(b, host.hostMember())
	host.connect().call(&protocol.LeaveParams{Session: host.shared(), Unsaved: protocol.UnsavedDiscard})
	if third.e.client(b.conn).leading != nil {
		t.Error("it still follows after the end")
	}
}

// looked answers the question whether to look, and gives what was asked.
func (ed *editor) looked(title string) string {
	call, p := takeAsk[*protocol.ShowMessageRequestParams](ed)
	if p == nil {
		return ""
	}
	if p.Earshot == nil || p.Actions[0].Title != answerLook {
		ed.n.w.t.Errorf("asked %+v", p)
	}
	var answer *protocol.MessageActionItem
	if title != "" {
		answer = &protocol.MessageActionItem{Title: title}
	}
	ed.n.step(ClientAnswered{Conn: ed.conn, Call: call, Result: answer})
	return p.Message
}

// TestSummon: all but the one who calls are asked, and who says yes is led to where the call came from, though the caller moved on.
func TestSummon(t *testing.T) {
	w, host, guest := pair(t, "one\ntwo\nthree\n")
	third, _ := w.join("third")
	a, b, c, plain := host.connect(leadable), guest.connect(leadable), third.connect(leadable), third.connect()
	script := host.connect()
	script.call(&protocol.SubscribeParams{})
	a.open(fileURI, "one\ntwo\nthree\n")
	b.fetch(w.uri("a.txt"))
	third.e.owns(third.e.client(c.conn), third.e.sessions[0])
	third.e.owns(third.e.client(plain.conn), third.e.sessions[0])
	wantKind(t, b.fails(&protocol.SummonParams{Session: host.shared()}), protocol.NoSuchDocument)
	b.looks(4, 4)
	b.call(&protocol.SummonParams{Session: host.shared()})
	b.looks(0, 0)
	a.types(0, 0, "zero\n")
	want := `guest asks you to look at "a.txt", line 2.`
	if got := a.looked(answerLook); got != want {
		t.Errorf("the host is asked %q, want %q", got, want)
	}
	wantLed(t, a, fileURIPath+" 2:0")
	wantLed(t, a, "")
	if b.looked("") != "" {
		t.Error("the one who called is asked")
	}
	if got := c.looked(""); got != `guest asks you to look at "a.txt".` { // where in it is not known there
		t.Errorf("the third is asked %q", got)
	}
	wantLed(t, c, "")
	if !plain.wasTold(`guest asks you to look at "a.txt"`) {
		t.Errorf("an editor that can't be led is told %q", plain.told)
	}
	if h := heard(script, "called"); h == nil || h.Member.ID != guest.member || h.Message != want {
		t.Errorf("a script hears %+v", h)
	}
	w.pass(callEach)
	b.call(&protocol.SummonParams{Session: host.shared()})
	c.looked(answerLook)
	wantLed(t, c, "a.txt")
	c.fetch(w.uri("a.txt"))
	wantLed(t, c, "a.txt 0:0")
	b.looks(3, 3)
	wantLed(t, c, "")
}

// fileURIPath is the host's name of a.txt as led gives it.
const fileURIPath = "//w/a.txt"

// heard gives the newest event of a name that a script was told.
func heard(ed *editor, event string) (last *protocol.Happening) {
	for _, note := range ed.notes {
		if h, ok := note.(*protocol.Happening); ok && h.Event == event {
			last = h
		}
	}
	return last
}

// TestSummonPace: nobody can keep the others busy with calls, and a new one takes the place of one that was not answered.
func TestSummonPace(t *testing.T) {
	w, host, guest := pair(t, "abc")
	a, b := host.connect(leadable), guest.connect(leadable)
	a.open(fileURI, "abc")
	b.fetch(w.uri("a.txt"))
	b.looks(1, 1)
	for range callBurst {
		b.call(&protocol.SummonParams{Session: host.shared()})
	}
	wantKind(t, b.fails(&protocol.SummonParams{Session: host.shared()}), protocol.RateLimited)
	if got := len(effects[Withdraw](host)); got != callBurst-1 {
		t.Errorf("%d questions were withdrawn, want %d", got, callBurst-1)
	}
	w.pass(callEach)
	b.call(&protocol.SummonParams{Session: host.shared()})

	eve := host.admit(5000, "eve")
	_, num := eve.opens()
	host.fx = nil
	eve.sends(&wire.Summon{Place: wire.Presence{Client: "c", Doc: num + 1, Path: "click here"}})
	if got := len(effects[Ask](host)); got != 0 {
		t.Errorf("a call to a text that the host does not have asked %d times", got)
	}
	for i := range 100 {
		eve.sends(&wire.Summon{Place: wire.Presence{Client: "c", Seq: uint64(i), Doc: num, Selections: [][2]int{{1 << 40, -1}}}})
	}
	if got := len(effects[Ask](host)); got != callBurst {
		t.Errorf("a hundred calls of a stranger asked %d times, want %d", got, callBurst)
	}
	host.fx = nil
	host.connect().call(&protocol.RemoveMemberParams{Session: host.shared(), Member: eve.id})
	if len(effects[Withdraw](host)) == 0 {
		t.Error("the call of one who was removed still stands")
	}
}

// TestPlaceOfWhatIsNotOpen: one who has a text not open sees that others are in it.
func TestPlaceOfWhatIsNotOpen(t *testing.T) {
	w, host, guest := pair(t, "abc")
	third, _ := w.join("third")
	a, b := host.connect(), guest.connect()
	a.open(fileURI, "abc")
	c := third.eds[0]
	b.fetch(w.uri("a.txt"))
	a.looks(1, 1)
	b.looks(2, 2)
	w.pass(time.Second)
	p := saw[*protocol.PresenceChanged](c)
	if p == nil || len(p.Cursors) != 2 {
		t.Fatalf("the third sees %+v", p)
	}
	for _, cursor := range p.Cursors {
		if cursor.TextDocument == nil || cursor.TextDocument.URI != w.uri("a.txt") {
			t.Errorf("%s is in %+v", cursor.Member, cursor.TextDocument)
		}
	}
}
