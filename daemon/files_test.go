package daemon

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"earshot/internal/crdt"
	"earshot/internal/docpath"
	"earshot/internal/peer"
	"earshot/internal/threat"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// secrets are names under which programs keep what nobody means to share: those that the guard knows, in folders that are
// its reason or not.
var secrets = []string{
	".env", ".env.local", ".env.production", ".ENV", ".envrc", "prod.env", "app/.env", "app/.env.test", ".dev.vars", "local.settings.json",
	"id_rsa", "id_ed25519", "keys/id_ecdsa", "id_dsa", "server.pem", "server.key", "tls/private.KEY", "cert.p12", "cert.pfx", "app.jks", "my.keystore",
	"putty.ppk", "AuthKey.p8", "krb5.keytab", "vault.kdbx", "office.ovpn", "wg0.conf", "ssh_host_rsa_key", "age/keys.txt",
	".npmrc", ".netrc", "_netrc", ".pgpass", ".pypirc", ".htpasswd", ".git-credentials", ".dockercfg", ".my.cnf", ".s3cfg", ".boto",
	"terraform.tfstate", "terraform.tfstate.backup", "infra/prod.tfvars", "credentials", "credentials.json", "aws-credentials.csv", "rootkey.csv",
	"service-account.json", "client_secret_1.apps.json", "x-firebase-adminsdk-1.json", "secrets.yml", "k8s/db-secret.yaml", "app_secrets.yml",
	".vault-token", ".vault_pass.txt", "wallet.dat", ".bash_history", ".viminfo", "token.json", ".token", "kubeconfig", "prod.kubeconfig",
	".aws/config", ".ssh/known_hosts", ".kube/config", ".gnupg/x.conf", ".azure/x", ".docker/config.json", ".config/gh/hosts.yml",
	".m2/settings.xml", "wp-config.php", ".erlang.cookie", ".env~", ".env.swp", "server.key.bak", "#server.key#", ".server.key.swp",
	".git/config", ".git/hooks/pre-commit", "sub/.hg/hgrc", ".svn/entries", ".jj/repo", "ignored.txt", "build/out.txt", "deep/er/debug.log",
}

// probe is a guest of our own making that sends what it likes and keeps every byte that comes.
type probe struct {
	*stranger
	op       uint32
	received bytes.Buffer
}

// asks sends a frame that bears the number p.op and waits for the answer, with the text that follows it.
func (p *probe) asks(f wire.Frame) wire.Frame {
	p.t.Helper()
	p.says(wire.Encode(f))
	var answer wire.Frame
	whole := false
	for e := range p.events {
		if down, ok := e.(peer.Down); ok {
			p.t.Fatalf("sent away for %+v: %v", f, down.Err)
		}
		frame, ok := e.(peer.Frame)
		if !ok {
			continue
		}
		p.received.Write(frame.Data)
		got, err := wire.Decode(frame.Data)
		if err != nil {
			continue // the binding
		}
		switch got := got.(type) {
		case *wire.Listed:
			if got.Op == p.op {
				answer, whole = got, true
			}
		case *wire.Saved:
			if got.Op == p.op {
				answer, whole = got, true
			}
		case *wire.Opened:
			if got.Op == p.op {
				answer, whole = got, whole || got.Failure != nil
			}
		case *wire.Chunk:
			whole = whole || got.Op == p.op && got.Last
		}
		if whole && answer != nil {
			return answer
		}
	}
	return nil
}

func (p *probe) list(path string, recursive bool) (names []string) {
	cursor := ""
	for {
		p.op++
		got := p.asks(&wire.List{Op: p.op, Path: path, Recursive: recursive, Cursor: cursor}).(*wire.Listed)
		for _, e := range got.Entries {
			names = append(names, e.Path)
		}
		if cursor = got.Cursor; cursor == "" {
			return names
		}
	}
}

func (p *probe) open(path string) *wire.Failure {
	p.op++
	return p.asks(&wire.Open{Op: p.op, Path: path}).(*wire.Opened).Failure
}

func (p *probe) create(path string) *wire.Failure {
	p.op++
	return p.asks(&wire.Create{Op: p.op, Path: path}).(*wire.Saved).Failure
}

func (p *probe) rename(from, to string) *wire.Failure {
	p.op++
	return p.asks(&wire.Rename{Op: p.op, From: from, To: to}).(*wire.Saved).Failure
}

func (p *probe) delete(path string) *wire.Failure {
	p.op++
	return p.asks(&wire.Delete{Op: p.op, Path: path}).(*wire.Saved).Failure
}

// hidden names what a host must not give away: texts, and where on its disk the folder lies.
type hidden map[string]string // by what it is

// foundIn fails if any of it is in what was received.
func (h hidden) foundIn(t *testing.T, received []byte, by string) {
	t.Helper()
	for name, canary := range h {
		if found := finds(received, canary); len(found) > 0 {
			t.Errorf("%s received what is in %s: %q", by, name, found)
		}
	}
}

// TestA11NoSecretLeaves: of files with names that look secret, ignored ones and the internals of version control not one
// byte reaches a guest: neither one that keeps to the protocol nor one that sends whatever it likes; not by listing, reading,
// opening, making, renaming or links, not through the host's own editor, and not in what an error says.
func TestA11NoSecretLeaves(t *testing.T) {
	noSecretLeaves(t, func(host *desk, dir string) protocol.Session { return host.share(dir) })
}

// TestA11NoSecretLeavesWidened: the same of a folder that comes to a session which shares files.
func TestA11NoSecretLeavesWidened(t *testing.T) {
	noSecretLeaves(t, func(host *desk, dir string) protocol.Session {
		alone := fileURI(t, filepath.Join(folderOf(t, "alone.txt", "alone\n"), "alone.txt"))
		s := host.share(dir, func(p *protocol.ShareParams) {
			p.Folder, p.Documents = "", []string{alone, fileURI(t, filepath.Join(dir, "plain/a.txt"))}
		})
		var got protocol.SessionResult
		host.must("session/widen", &protocol.WidenParams{Session: s.ID, Folder: fileURI(t, dir)}, &got)
		for _, name := range secrets {
			if err := host.call("session/widen", &protocol.WidenParams{Session: s.ID, Documents: []string{fileURI(t, filepath.Join(dir, name))}}, nil); err == nil {
				t.Errorf("%s is shared by its name", name)
			}
		}
		return s
	})
}

func noSecretLeaves(t *testing.T, share func(host *desk, dir string) protocol.Session) {
	if len(secrets) < 60 {
		t.Fatalf("%d names", len(secrets))
	}
	dir := folderOf(t, "main.go", "this is shared\n", ".gitignore", "ignored.txt\nbuild/\n*.log\n", "plain/a.txt", "a\n")
	h := hidden{"the folder's path": dir}
	for i, name := range secrets {
		canary := "CANARY" + rand.Text()
		h[name] = canary
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(canary+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		for form, target := range map[string]string{"public%d.txt": name, "plain/up%d.txt": "../" + name, "absolute%d.txt": path} {
			if err := os.Symlink(target, filepath.Join(dir, fmt.Sprintf(form, i))); err != nil {
				t.Skipf("this file system makes no links: %v", err)
			}
		}
	}
	if err := os.Symlink(".aws", filepath.Join(dir, "folder")); err != nil {
		t.Fatal(err)
	}
	before := diskOf(t, dir)
	inBubble(t, func(t *testing.T, b *bubble) {
		host, guest := b.desk("Ana"), b.desk("Ben")
		s := share(host, dir)
		guest.join(s.Link)
		p := &probe{stranger: meet(t, b.net, s.Link)}
		p.isAdmitted()
		p.connects()
		p.binds()
		host.here(3)
		opensInEditor(t, host, dir, h)
		editsIgnored(t, host, guest, s.ID, dir)
		before[".gitignore"] = ""

		listed := p.list("", true)
		for _, folder := range []string{".git", ".aws", "app", "folder", "build", "..", "", "/", "/etc"} {
			listed = append(listed, p.list(folder, false)...)
		}
		tryAll(t, p, listed)
		got := asksProperly(t, guest, s.ID)
		h.foundIn(t, got, "a guest")

		if failure := p.open("main.go"); failure != nil {
			t.Errorf("main.go: %v", failure)
		}
		received := p.received.Bytes()
		if !bytes.Contains(received, []byte("this is shared")) || !bytes.Contains(got, []byte("this is shared")) {
			t.Error("what is shared was not found: the search finds nothing")
		}
		h.foundIn(t, received, "a raw guest")
		t.Logf("%d names, %d requests, %d bytes received by the raw guest, %d by the other", len(secrets), p.op, len(received), len(got))
		p.guest.Close()
		if err := p.link.Close(); err != nil {
			t.Error(err)
		}
		<-p.link.Done()
	})
	after := diskOf(t, dir)
	for name, text := range after {
		if was, ok := before[name]; !ok || was != text {
			t.Errorf("%s was made or changed: %q", name, text)
		}
	}
}

// opensInEditor has the host's person open every secret in their own editor, type into it and go there.
func opensInEditor(t *testing.T, host *desk, dir string, h hidden) {
	for i, name := range secrets {
		uri := fileURI(t, filepath.Join(dir, name))
		id := protocol.TextDocumentIdentifier{URI: uri}
		host.notify("textDocument/didOpen", &protocol.DidOpenTextDocumentParams{
			TextDocument: protocol.TextDocumentItem{URI: uri, LanguageID: "x", Version: 100 * (i + 1), Text: h[name] + "\n"}})
		host.notify("textDocument/didChange", &protocol.DidChangeTextDocumentParams{
			TextDocument:   protocol.VersionedTextDocumentIdentifier{URI: uri, Version: 100*(i+1) + 1},
			ContentChanges: []protocol.TextDocumentContentChangeEvent{{Range: &protocol.Range{}, Text: h[name]}}})
		host.notify("presence/update", &protocol.PresenceUpdate{TextDocument: &id, Selections: []protocol.Selection{{}}})
	}
}

func (k *desk) notify(method string, params any) {
	k.t.Helper()
	if err := k.client.Notify(method, params); err != nil {
		k.t.Fatal(err)
	}
}

// editsIgnored has a guest empty .gitignore, save it, and make another that shows everything.
func editsIgnored(t *testing.T, host, guest *desk, id, dir string) {
	t.Helper()
	uri := "earshot://" + id + "/.gitignore"
	guest.open(uri)
	guest.typed(uri, 0, len(guest.text(uri)), "")
	host.awaitEvent("changed")
	guest.must("document/save", &protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: uri}}, nil)
	checkFile(t, filepath.Join(dir, ".gitignore"), "")
}

// tryAll asks for each secret by every name that may lead to it.
func tryAll(t *testing.T, p *probe, listed []string) {
	refused := func(what, path string, f *wire.Failure) {
		t.Helper()
		if f == nil {
			t.Errorf("%s %q succeeded", what, path)
			return
		}
		if f.Kind == "" || strings.Contains(f.Message, "CANARY") {
			t.Errorf("%s %q: %+v", what, path, f)
		}
	}
	for i, name := range secrets {
		if slices.Contains(listed, name) {
			t.Errorf("%s is listed", name)
		}
		links := []string{fmt.Sprintf("public%d.txt", i), fmt.Sprintf("plain/up%d.txt", i), fmt.Sprintf("absolute%d.txt", i)}
		for _, link := range links {
			if slices.Contains(listed, link) {
				t.Errorf("%s, a link to %s, is listed", link, name)
			}
		}
		for _, path := range append(links, name, strings.ToUpper(name), "./"+name, "plain/../"+name, "/"+name, name+"/", name+".", name+"\x00.txt", "folder/config") {
			refused("open", path, p.open(path))
			refused("rename", path, p.rename(path, fmt.Sprintf("seen%d.txt", i)))
			refused("delete", path, p.delete(path))
		}
		for folder := filepath.Dir(name); folder != "."; folder = filepath.Dir(folder) {
			refused("delete", folder, p.delete(folder))
			if p.rename(folder, "seen") != nil {
				continue
			}
			// It holds nothing that its name alone held back.
			moved := "seen" + strings.TrimPrefix(name, folder)
			refused("open", moved, p.open(moved))
			if f := p.rename("seen", folder); f != nil || slices.Contains(p.list("seen", true), moved) {
				t.Errorf("%s was renamed, and not back: %+v", folder, f)
			}
		}
		refused("rename to", name, p.rename("plain/a.txt", name))
		refused("rename a folder to", name, p.rename("plain", name))
		refused("create", name, p.create(name))
		refused("create", name+".new", p.create(name+"/new"))
	}
	for doc := range uint32(20) { // what is open at the host, by number
		p.says(wire.Encode(&wire.Resync{Doc: doc, Turn: 1}))
		p.op++
		p.asks(&wire.Save{Op: p.op, Doc: doc + 1})
	}
}

// asksProperly has a guest's editor ask for all of it, and gives whatever that editor was ever told.
func asksProperly(t *testing.T, guest *desk, id string) []byte {
	var told bytes.Buffer
	ask := func(method string, params any) error {
		var got json.RawMessage
		err := guest.call(method, params, &got)
		told.Write(got)
		if err != nil {
			told.WriteString(err.Error())
		}
		return err
	}
	ask("file/list", &protocol.ListFilesParams{Session: id, Recursive: true})
	for _, name := range append(slices.Clone(secrets), "public0.txt", "plain/up1.txt", "folder/config") {
		uri := "earshot://" + id + "/" + name
		if err := ask("workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: uri}); err == nil {
			t.Errorf("%s was read", name)
		}
		if err := ask("workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: "earshot://" + id + "/%2e/" + name}); err == nil {
			t.Errorf("./%s was read", name)
		}
		if err := ask("file/rename", &protocol.RenameFileParams{Session: id, From: uri, To: "earshot://" + id + "/seen.txt"}); err == nil {
			t.Errorf("%s was renamed", name)
		}
		if err := ask("file/create", &protocol.CreateFileParams{Session: id, URI: uri, Kind: protocol.KindFile}); err == nil {
			t.Errorf("%s was made", name)
		}
		if err := ask("file/delete", &protocol.DeleteFileParams{Session: id, URI: uri}); err == nil {
			t.Errorf("%s was deleted", name)
		}
		if err := ask("document/save", &protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: uri}}); err == nil {
			t.Errorf("%s was saved", name)
		}
		guest.notify("textDocument/didOpen", &protocol.DidOpenTextDocumentParams{
			TextDocument: protocol.TextDocumentItem{URI: uri, LanguageID: "x", Version: 1, Text: ""}})
	}
	if err := ask("workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: "earshot://" + id + "/seen.txt"}); err == nil {
		t.Error("a secret that was renamed was read")
	}
	ask("workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: "earshot://" + id + "/main.go"})
	guest.mu.Lock()
	defer guest.mu.Unlock()
	for _, p := range guest.seen {
		body, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		told.Write(body)
	}
	return told.Bytes()
}

// diskOf reads every file below dir; links are told by where they lead.
func diskOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if e.Type()&os.ModeSymlink != 0 {
			out[name], err = os.Readlink(path)
			return err
		}
		text, err := os.ReadFile(path)
		out[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestA11AllowedByName: what the host allows by name is shared, and nothing beside it.
func TestA11AllowedByName(t *testing.T) {
	dir := folderOf(t, ".env", "this one\n", ".env.local", "not this\n", "app/.env", "this too\n", "id_rsa", "not this\n", ".git/config", "never\n")
	inBubble(t, func(t *testing.T, b *bubble) {
		host, guest := b.desk("Ana"), b.desk("Ben")
		s := host.share(dir, func(p *protocol.ShareParams) { p.Allow = []string{".env", ".git/config", "config"} })
		guest.join(s.Link)
		at := func(name string) string { return "earshot://" + s.ID + "/" + name }
		for _, name := range []string{".env", "app/.env"} {
			var got protocol.TextDocumentContentResult
			guest.must("workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: at(name)}, &got)
			if !strings.HasPrefix(got.Text, "this") {
				t.Errorf("%s: %q", name, got.Text)
			}
		}
		for _, name := range []string{".env.local", "id_rsa", ".git/config"} {
			guest.fails(protocol.Excluded, "workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: at(name)})
		}
	})
}

// TestH4HugeLine: a line of a million characters is shared, edited by both and saved like any other.
func TestH4HugeLine(t *testing.T) {
	const half = 500_000
	line := strings.Repeat("x", 2*half)
	dir := folderOf(t, "a.txt", line)
	inBubble(t, func(t *testing.T, b *bubble) {
		host, guest := b.desk("Ana"), b.desk("Ben")
		s := host.share(dir)
		guest.join(s.Link)
		near, far := fileURI(t, filepath.Join(dir, "a.txt")), "earshot://"+s.ID+"/a.txt"
		host.open(near)
		guest.open(far)
		guest.typed(far, half, 0, "é🙂")
		want := line[:half] + "é🙂" + line[half:]
		host.shows(near, want)
		host.typed(near, 0, 1, "")
		guest.shows(far, want[1:])
		guest.must("document/save", &protocol.SaveParams{TextDocument: protocol.TextDocumentIdentifier{URI: far}}, nil)
		checkFile(t, filepath.Join(dir, "a.txt"), want[1:])
	})
}

// TestH1PoisonedHost: a host that sends paths that lead elsewhere gets nothing written on the guest's disk, and the guest's
// editor sees no name that is not one below the shared folder.
func TestH1PoisonedHost(t *testing.T) {
	empty, home := t.TempDir(), t.TempDir()
	t.Chdir(empty)
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"} {
		t.Setenv(name, home)
	}
	inBubble(t, func(t *testing.T, b *bubble) {
		link, over := falseHost(t, b, 1<<20, poison)
		guest := b.desk("Ben")
		s := guest.join(link)
		id := s.ID
		var got protocol.ListFilesResult
		guest.must("file/list", &protocol.ListFilesParams{Session: id, Recursive: true}, &got)
		if len(got.Entries) == 0 {
			t.Error("nothing good was listed")
		}
		for _, e := range got.Entries {
			session, p, err := docpath.ParseSessionURI(e.URI)
			if err != nil || session != id || p.IsFolder() {
				t.Errorf("listed %q: %v", e.URI, err)
			}
		}
		var content protocol.TextDocumentContentResult
		err := guest.call("workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: "earshot://" + id + "/a.txt"}, &content)
		t.Logf("the text: %q, %v", content.Text, err)
		guest.mu.Lock()
		for _, p := range guest.seen {
			if c, ok := p.(*protocol.FileChanged); ok {
				for _, change := range c.Changes {
					for _, uri := range []string{change.URI, change.From} {
						if session, p, err := docpath.ParseSessionURI(uri); err != nil || session != id || p.IsFolder() {
							t.Errorf("told of %q: %v", uri, err)
						}
					}
				}
				continue
			}
			body, err := json.Marshal(p)
			if err != nil {
				t.Error(err)
			}
			if bytes.Contains(body, []byte("..")) || bytes.Contains(body, []byte("/etc/passwd")) || bytes.Contains(body, []byte(`\u001b`)) {
				t.Errorf("the editor was told %s", body)
			}
		}
		guest.mu.Unlock()
		guest.stop()
		<-over
	})
	for _, dir := range []string{empty, home} {
		if left := diskOf(t, dir); len(left) > 0 {
			t.Errorf("%s holds %q", dir, left)
		}
	}
}

// poison greets a guest and answers it with paths and words that lead elsewhere, until it goes.
func poison(s *stranger) {
	s.binds()
	const id, me = "abcdefghij", "bcdefghijk"
	answer := func(f wire.Frame) { s.says(wire.Encode(f)) }
	r := mathrand.New(mathrand.NewPCG(1, 5))
	for e := range s.events {
		if _, down := e.(peer.Down); down {
			s.events <- e // isDown waits for it
			return
		}
		frame, ok := e.(peer.Frame)
		if !ok {
			continue
		}
		got, err := wire.Decode(frame.Data)
		if err != nil {
			continue // the binding
		}
		switch got := got.(type) {
		case *wire.Hello:
			answer(&wire.Welcome{Version: wire.FrameVersion, Session: id, Member: me, Host: "../x", Role: "editor", Folder: "../../etc/passwd",
				Members: []wire.Member{{ID: me, Name: "Ben", Role: "editor", State: "here"}, {ID: "../../abcd", Name: "..", Role: "host"}}})
		case *wire.List:
			listed := &wire.Listed{Op: got.Op, Entries: []wire.Entry{{Path: "a.txt", Size: 1}, {Path: ".nvim.lua"}, {Path: ".git/hooks/x"}}}
			for range 500 {
				listed.Entries = append(listed.Entries, wire.Entry{Path: threat.Path(r), Folder: r.IntN(2) == 0, Size: -1})
			}
			answer(listed)
			changed := &wire.Changed{}
			for range wire.MaxChanges {
				changed.Changes = append(changed.Changes, wire.Change{Path: threat.Path(r), Kind: "renamed", From: threat.Path(r)})
			}
			answer(changed)
		case *wire.Open:
			b := crdt.New("#!/bin/sh\n").Snapshot()
			answer(&wire.Opened{Op: got.Op, Doc: 1, Instance: "../../etc", Path: "../../../../etc/passwd", Size: len(b), State: &wire.State{Doc: 1, Path: "../../.bashrc", Form: wire.Form{EOL: "../..", Encoding: "../.."}}})
			_ = s.link.Send(peer.Bulk, wire.Encode(&wire.Chunk{Op: got.Op, Last: true, Data: b}))
		case *wire.Bye:
			return
		}
	}
}
