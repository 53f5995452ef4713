package session

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"earshot/protocol"
)

// lsp is a stock client as Helix, Emacs or Kate are one: it names its folder and shows diagnostics.
func lsp(ed *editor, p *protocol.InitializeParams) {
	stock("stock")(ed, p)
	p.RootURI = "file:///w"
	leadable(ed, p)
	p.Capabilities.TextDocument = &protocol.TextDocumentCapabilities{PublishDiagnostics: json.RawMessage("{}")}
}

// runs a command that must be answered now, and gives the sentence.
func (ed *editor) runs(command string, arguments ...string) string {
	ed.n.w.t.Helper()
	got := ed.call(&protocol.ExecuteCommandParams{Command: command, Arguments: raw(arguments)}).(protocol.ExecuteCommandResult)
	return got.Message
}

func raw(arguments []string) []json.RawMessage {
	var all []json.RawMessage
	for _, a := range arguments {
		all = append(all, json.RawMessage(a))
	}
	return all
}

// fails is runs for a command that can't be carried out.
func (ed *editor) failsTo(command string, arguments ...string) *protocol.Error {
	ed.n.w.t.Helper()
	return ed.fails(&protocol.ExecuteCommandParams{Command: command, Arguments: raw(arguments)})
}

// actions are the titles of the code actions at a place, without "Earshot: ".
func (ed *editor) actions(from, to int) []string {
	ed.n.w.t.Helper()
	var titles []string
	for _, a := range ed.offered(from, to, protocol.CodeActionContext{}) {
		titles = append(titles, strings.TrimPrefix(a.Title, "Earshot: "))
	}
	return titles
}

func (ed *editor) offered(from, to int, context protocol.CodeActionContext) []protocol.Command {
	ed.n.w.t.Helper()
	return ed.call(&protocol.CodeActionParams{TextDocument: protocol.TextDocumentIdentifier{URI: ed.uri}, Context: context, Range: protocol.Range{
		Start: protocol.Position(ed.buf.Position(from, ed.enc)), End: protocol.Position(ed.buf.Position(to, ed.enc))}}).([]protocol.Command)
}

// chooses carries out a code action, with the arguments that came with it.
func (ed *editor) chooses(from int, title string) string {
	ed.n.w.t.Helper()
	for _, a := range ed.offered(from, from, protocol.CodeActionContext{}) {
		if a.Title == "Earshot: "+title {
			args, err := json.Marshal(a.Arguments[0])
			if err != nil {
				ed.n.w.t.Fatal(err)
			}
			return ed.runs(a.Command, string(args))
		}
	}
	ed.n.w.t.Fatalf("no code action %q among %q", title, ed.actions(from, from))
	return ""
}

// picks an answer to what is asked; "" is no choice.
func (ed *editor) picks(title string, err *protocol.Error) {
	ed.n.w.t.Helper()
	var item *protocol.MessageActionItem
	if title != "" {
		item = &protocol.MessageActionItem{Title: title}
	}
	ed.decides(item, err)
}

// asksNow is the sentence of what is asked.
func (ed *editor) asksNow() string {
	ed.n.w.t.Helper()
	_, sentence := ed.question()
	return sentence
}

var cantAsk = &protocol.Error{Code: protocol.CodeMethodNotFound, Message: "unhandled method"}

func wantWords(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, words := range want {
		if !strings.Contains(got, words) {
			t.Errorf("got %q, want it to say %q", got, words)
		}
	}
}

// sharedByStock is a stock host that shares a.txt by a command, and a guest that asks to come in.
func sharedByStock(t *testing.T) (w *world, ed *editor, guest *node, script *editor) {
	t.Helper()
	w = newWorld(t)
	w.disk["a.txt"] = "one\ntwo\n"
	host := w.node("Ana")
	ed = host.connect(lsp)
	ed.open(fileURI, "one\ntwo\n")
	ed.runs(commandShareFile)
	guest = w.node("Ben")
	script = guest.connect()
	script.ask(&protocol.JoinParams{Code: "CODE", Linger: true})
	return w, ed, guest, script
}

// TestStockClientHostsAlone: everything that a host does is done with LSP alone.
func TestStockClientHostsAlone(t *testing.T) {
	w := newWorld(t)
	w.disk["a.txt"] = "one\ntwo\n"
	host := w.node("Ana")
	ed := host.connect(lsp)
	ed.open(fileURI, "one\ntwo\n")
	if got := ed.actions(0, 0); !slices.Equal(got, []string{"Share a.txt", "Share the folder w"}) {
		t.Errorf("before anything is shared these are offered: %q", got)
	}
	wantWords(t, ed.chooses(0, "Share the folder w"), "w is shared", "code CODE", "http://here/j#CODE", "copied")
	if got := effects[Copy](host); len(got) != 1 || got[0].Text != "http://here/j#CODE" {
		t.Errorf("copied: %v", got)
	}
	if !ed.wasTold("w is shared: code CODE") {
		t.Error("the code was not shown")
	}
	wantWords(t, ed.runs(commandShareFile), "a.txt is shared already", "CODE")
	wantWords(t, ed.runs(commandCopyCode), "The code is CODE, and in the clipboard.")
	wantWords(t, ed.runs(commandCopyLink), "The link is http://here/j#CODE")
	host.bare = true
	wantWords(t, ed.runs(commandCopyCode), "The code is CODE; no program for the clipboard was found.")

	guest := w.node("Ben")
	script := guest.connect()
	script.ask(&protocol.JoinParams{Code: "CODE", Linger: true})
	wantWords(t, ed.asksNow(), "Ben (name not verified)", "123456")
	ed.told = nil
	plugin := host.connect()
	plugin.open(fileURI, "one\ntwo\n")
	ed.picks(answerEditor, nil)
	if !ed.wasTold("Ben came in as editor.") {
		t.Errorf("told: %q", ed.told)
	}
	if len(plugin.told) > 0 {
		t.Errorf("a plugin, which shows it otherwise, was told %q", plugin.told)
	}
	b := guest.connect()
	b.fetch(w.uri("a.txt"))
	b.looks(4, 4)
	ed.types(0, 0, "new\n")
	w.want("new\none\ntwo\n", ed, b)
	wantWords(t, ed.runs(commandMembers), `Ana in "a.txt", line 2 (you, host)`, `Ben in "a.txt", line 3 (editor)`)
	wantCursors(t, b, [2]int{4, 4}) // where the stock client's person typed last
	b.adds("three\n")
	w.want("new\none\ntwo\nthree\n", ed)
	wantCursors(t, b, [2]int{4, 4}) // and not where it was asked to type
	ed.offered(6, 9, protocol.CodeActionContext{TriggerKind: triggeredByItself})
	wantCursors(t, b, [2]int{6, 9})

	ed.told = nil
	script.call(&protocol.LeaveParams{Session: host.shared()})
	if !ed.wasTold("Ben left.") {
		t.Errorf("told: %q", ed.told)
	}
	ed.told = nil
	wantWords(t, ed.chooses(0, "End the session for all"), "The session has ended for all.")
	if got := strings.Join(ed.told, "\n"); got != "The session has ended for all." {
		t.Errorf("told at the end: %q", got)
	}
	if len(host.e.asides) > 0 {
		t.Errorf("%d answers were waited for in vain", len(host.e.asides))
	}
}

// TestStockClientThatCantBeAsked: Helix knows no window/showMessageRequest; its person is told what to do instead, once, and does it.
func TestStockClientThatCantBeAsked(t *testing.T) {
	for _, answer := range []*protocol.Error{cantAsk, nil} {
		w, ed, guest, script := sharedByStock(t)
		ed.told = nil
		ed.picks("", answer)
		if got := strings.Join(ed.told, "\n"); !strings.Contains(got, "Ben (name not verified) waits to join as editor, check number 123456") ||
			!strings.Contains(got, commandAdmit) || len(ed.told) != 1 {
			t.Errorf("told: %q", got)
		}
		if got := ed.actions(0, 0)[:3]; !slices.Equal(got, []string{"Let Ben (check number 123456) edit", "Let Ben (check number 123456) view", "Turn away Ben (check number 123456)"}) {
			t.Errorf("offered first: %q", got)
		}
		if got := ed.offered(0, 0, protocol.CodeActionContext{TriggerKind: triggeredByItself}); len(got) != 3 {
			t.Errorf("offered without having been asked: %v", got)
		}
		wantWords(t, ed.chooses(0, "Let Ben (check number 123456) view"), "Ben is let in.")
		s := guest.e.sessions
		if len(s) != 1 || s[0].role != protocol.RoleViewer {
			t.Fatalf("the guest is not in as a viewer")
		}
		wantKind(t, ed.failsTo(commandRefuse), protocol.NoSuchMember)

		// The texts that nobody saved.
		ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: ed.uri}})
		script.n.w.nodes[0].connect().call(&protocol.SetRoleParams{Session: w.nodes[0].shared(), Member: guest.member, Role: protocol.RoleEditor})
		b := guest.connect()
		b.fetch(w.uri("a.txt"))
		b.adds("three\n")
		wantWords(t, ed.runs(commandLeave), "Nobody has saved the changes in a.txt.")
		ed.told = nil
		ed.picks("", answer)
		if !ed.wasTold(commandLeaveSave) {
			t.Errorf("it was not told how else: %q", ed.told)
		}
		wantWords(t, ed.runs(commandLeaveSave), "The session has ended for all.")
		if w.disk["a.txt"] != "one\ntwo\nthree\n" {
			t.Errorf("saved: %q", w.disk["a.txt"])
		}
	}
}

// TestStockClientIsAskedAboutUnsavedTexts by window/showMessageRequest, after it has had its answer.
func TestStockClientIsAskedAboutUnsavedTexts(t *testing.T) {
	check := func(answer string, ends bool, disk string) {
		t.Helper()
		w, ed, guest, _ := sharedByStock(t)
		ed.picks(answerEditor, nil)
		ed.notify(&protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: ed.uri}})
		b := guest.connect()
		b.fetch(w.uri("a.txt"))
		b.adds("three\n")
		ed.runs(commandLeave)
		wantWords(t, ed.asksNow(), "a.txt", "End the session for all?")
		ed.picks(answer, nil)
		if got := w.nodes[0].shared() == ""; got != ends || w.disk["a.txt"] != disk {
			t.Errorf("%q: ended %v, on the disk %q", answer, got, w.disk["a.txt"])
		}
		if !ends { // who stays hears of another's ending it
			ed.told = nil
			w.nodes[0].connect().call(&protocol.LeaveParams{Session: w.nodes[0].shared(), Unsaved: protocol.UnsavedDiscard})
			if !ed.wasTold("The session has ended: you ended it.") {
				t.Error("it was not told of the end")
			}
		}
	}
	check(answerSave, true, "one\ntwo\nthree\n")
	check(answerDiscard, true, "one\ntwo\n")
	check(answerStay, false, "one\ntwo\n")
}

// TestCommandsSayWhatIsWrong, to the person and in the answer.
func TestCommandsSayWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	host := w.node("Ana")
	ed := host.connect(lsp)
	check := func(want protocol.Kind, command string, arguments ...string) {
		t.Helper()
		ed.told = nil
		err := ed.failsTo(command, arguments...)
		wantKind(t, err, want)
		if err != nil && !ed.wasTold(err.Message) {
			t.Errorf("%s: the person was told %q, want %q", command, ed.told, err.Message)
		}
	}
	check(protocol.NoSuchDocument, commandShareFile)
	check(protocol.NoSuchDocument, commandShareFile, `{"uri":"untitled:x"}`)
	check(protocol.NoSuchSession, commandCopyCode)
	check(protocol.NoSuchSession, commandCopyLink, `{"session":"aaaaaaaaaa"}`)
	check(protocol.NoSuchSession, commandLeave)
	check(protocol.NoSuchSession, commandMembers, "null")
	check(protocol.NoSuchSession, commandFollow, `"Ben"`)
	check(protocol.NoSuchSession, commandUnfollow)
	check(protocol.NoSuchSession, commandLookHere)
	check(protocol.NoSuchMember, commandAdmit)
	check(protocol.BadCode, commandJoin)
	for _, bad := range [][]string{{"earshot.dance"}, {commandJoin, "7"}, {commandJoin, "[]"}, {commandFollow, `{"range":"x"}`}} {
		if err := ed.failsTo(bad[0], bad[1:]...); err == nil || err.Code != protocol.CodeInvalidParams {
			t.Errorf("%q: %v", bad, err)
		}
	}
	w.disk["a.txt"] = "one"
	ed.open(fileURI, "one")
	ed.runs(commandShareFile)
	check(protocol.NoSuchMember, commandFollow)
	plain := host.connect(stock("plain")) // names no folder
	plain.open(fileURI, "one")
	wantKind(t, plain.failsTo(commandShareFolder), protocol.NoSuchDocument)
	for _, name := range commandNames() { // each is one
		if err := host.connect(lsp).failsTo(name); err != nil && err.Code == protocol.CodeInvalidParams {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStockClientJoinsByCodeUnderTheCursor, is answered at once, and is told what comes of it.
func TestStockClientJoinsByCodeUnderTheCursor(t *testing.T) {
	w := newWorld(t)
	w.disk["a.txt"] = "one"
	host := w.node("Ana")
	host.share(func(p *protocol.ShareParams) { p.Linger, p.Admit = true, protocol.AdmitAsk })
	hosts := host.connect()
	hosts.open(fileURI, "one")
	guest := w.node("Ben")
	guest.e.cfg.Invitation = func(text string) (string, bool) {
		switch text {
		case "AAAA-BBBBBB", "aaaa-bbbbbb":
			return "", true
		case "http://there/j#AAAA-S.H":
			return "ws://there", true
		}
		return "", false
	}
	ed := guest.connect(lsp)
	notes := "Ben, come: AAAA-BBBBBB.\nAAAA-BBBBBC or <http://there/j#AAAA-S.H> aaaa-bbbbbb\n"
	ed.open("file:///home/notes.txt", notes)
	join := func(from, to int, want ...string) {
		t.Helper()
		var got []string
		for _, a := range ed.offered(from, to, protocol.CodeActionContext{TriggerKind: triggeredByItself}) {
			got = append(got, a.Title)
		}
		if !slices.Equal(got, want) {
			t.Errorf("at %q: %q, want %q", notes[from:to], got, want)
		}
	}
	at := func(words string) int { return strings.Index(notes, words) }
	byCode, byLink := "Earshot: Join by this code", "Earshot: Join by this link, at ws://there"
	join(at("AAAA-BBBBBB"), at("AAAA-BBBBBB"), byCode)
	join(at(".\n"), at(".\n"), byCode)
	join(at("come"), at("come"))
	join(at("AAAA-BBBBBC"), at("AAAA-BBBBBC"))
	join(at("there"), at("there"), byLink)
	join(at("aaaa"), at("aaaa"))
	join(at("aaaa"), at("aaaa")+11, byCode)
	join(at(" AAAA-BBBBBB"), at("."), byCode)
	join(0, len(notes))
	ed.types(0, len("Ben, come: "), "") // what is reported moves it
	notes = ed.text()
	join(0, 0, byCode)
	if got := ed.offered(0, 0, protocol.CodeActionContext{Only: []string{"source.organizeImports"}}); len(got) != 0 {
		t.Errorf("to one who wants other kinds this is offered: %v", got)
	}

	ed.told = nil
	wantWords(t, ed.chooses(0, "Join by this code"), "Looking for the session")
	guest.step(JoinProgressed{Join: guest.joined, Stage: protocol.StageAdmission, Check: "123456"})
	if !ed.wasTold("your check number is 123456") {
		t.Errorf("told: %q", ed.told)
	}
	wantWords(t, ed.chooses(0, "Stop joining"), "cancelled")
	ed.chooses(0, "Join by this code")
	waits := host.e.sessions[0].knocks
	hosts.call(&protocol.AdmitMemberParams{Session: host.shared(), Member: waits[len(waits)-1].member.ID, Admit: true})
	if !ed.wasTold("You are in Ana's session as editor") {
		t.Errorf("told: %q", ed.told)
	}
	wantWords(t, ed.runs(commandLeave), "You have left Ana's session.")
}

// TestCommandsOutliveNothing: what an editor began and left before its end does no harm.
func TestCommandsOutliveNothing(t *testing.T) {
	w, ed, _, _ := sharedByStock(t)
	host := ed.n
	ed.picks(answerEditor, nil)
	host.holding = true
	ed.ask(&protocol.ExecuteCommandParams{Command: commandCopyCode})
	ed.drop()
	host.release()
	w.pass(time.Second)
	if len(host.e.asides)+len(host.e.ops) > 0 {
		t.Errorf("%d answers and %d operations are waited for", len(host.e.asides), len(host.e.ops))
	}
}

// TestStockClientFollowsAndCalls: the others are called to where the code action was chosen, and followed by name.
func TestStockClientFollowsAndCalls(t *testing.T) {
	w, ed, guest, _ := sharedByStock(t)
	ed.picks(answerEditor, nil)
	b := guest.connect()
	b.fetch(w.uri("a.txt"))
	wantKind(t, ed.failsTo(commandLookHere), protocol.NoSuchDocument) // its place is not known yet
	b.told = nil
	wantWords(t, ed.chooses(5, "Ask the others to look here"), "asked to look here")
	if !b.wasTold(`Ana asks you to look at "a.txt", line 2.`) {
		t.Errorf("the guest was told %q", b.told)
	}
	wantWords(t, ed.chooses(0, "Follow Ben"), "You follow Ben until you type.")
	b.looks(4, 4)
	wantLed(t, ed, "//w/a.txt 1:0")
	wantWords(t, ed.chooses(0, "Follow nobody"), "You follow nobody.")
	b.looks(0, 0)
	wantLed(t, ed, "")
	wantWords(t, ed.runs(commandFollow, `"Ben"`), "You follow Ben")
	wantKind(t, ed.failsTo(commandFollow, `"Cem"`), protocol.NoSuchMember)

	// Called back: one that can't be asked is told.
	ed.told = nil
	b.call(&protocol.SummonParams{Session: w.nodes[0].shared()})
	ed.picks("", cantAsk)
	if !ed.wasTold(`Ben asks you to look at "a.txt", line 1.`) {
		t.Errorf("told: %q", ed.told)
	}
}

// TestStockClientSharesMore: what it shares while a session runs comes into that session.
func TestStockClientSharesMore(t *testing.T) {
	w, ed, guest, _ := sharedByStock(t)
	ed.picks(answerEditor, nil)
	ed.open("untitled:b.txt", "more\n")
	if got := ed.actions(0, 0); !slices.Equal(got[:2], []string{"Share b.txt too", "Share the folder w too"}) {
		t.Errorf("offered: %q", got)
	}
	wantWords(t, ed.chooses(0, "Share b.txt too"), "b.txt is shared too: code CODE")
	b := guest.connect()
	b.fetch(w.uri("b.txt"))
	b.adds("of it\n")
	w.want("more\nof it\n", ed, b)
	wantWords(t, ed.runs(commandShareFolder), "w is shared too")
	ed.open("file:///home/c.txt", "c")
	if got := ed.actions(0, 0); slices.Contains(got, "Share the folder w too") || !slices.Contains(got, "Share c.txt too") {
		t.Errorf("offered: %q", got)
	}
}
