package session

import (
	"testing"

	"earshot/protocol"
	"earshot/protocol/wire"
)

// TestCreateFile: an editor makes a file in the shared folder, at the host's disk; a viewer and a path outside don't.
func TestCreateFile(t *testing.T) {
	w, host, guest := pair(t, "abc")
	near, far := host.connect(), guest.connect()
	create := func(path string) *protocol.CreateFileParams {
		return &protocol.CreateFileParams{Session: host.shared(), URI: w.uri(path), Kind: protocol.KindFile}
	}
	far.call(create("new.txt"))
	near.call(create("other.txt"))
	for _, name := range []string{"new.txt", "other.txt"} {
		if s, ok := w.disk[name]; !ok || s != "" {
			t.Errorf("%s is %q, %v, want an empty file", name, s, ok)
		}
	}
	wantKind(t, far.fails(create("new.txt")), protocol.Exists)
	wantKind(t, near.fails(create("")), protocol.Exists)
	wantKind(t, far.fails(create("../x")), protocol.OutsideFolder)
	odd := create("odd")
	odd.Kind = "device"
	wantInvalid(t, far.fails(odd))
	far.fetch(w.uri("new.txt"))
	far.adds("text")
	w.want("text", far)

	near.call(&protocol.SetRoleParams{Session: host.shared(), Member: guest.member, Role: protocol.RoleViewer})
	wantKind(t, far.fails(create("third.txt")), protocol.ReadOnly)
	fourth := &wire.Create{Op: 99, Path: "fourth.txt"} // from a guest that does not keep to its role
	for _, r := range host.e.sessions[0].remotes {
		host.step(FrameArrived{Link: r.id, Channel: Live, Data: wire.Encode(fourth)})
	}
	if _, ok := w.disk["fourth.txt"]; ok {
		t.Error("a viewer made a file")
	}
}

// TestCreateWithoutFolder: a share of a buffer alone has no folder to make anything in.
func TestCreateWithoutFolder(t *testing.T) {
	w := newWorld(t)
	host := w.node("host")
	ed := host.connect()
	ed.open("untitled:note", "x")
	ed.call(&protocol.ShareParams{Documents: []string{"untitled:note"}})
	wantKind(t, ed.fails(&protocol.CreateFileParams{Session: host.shared(), URI: w.uri("a"), Kind: protocol.KindFile}), protocol.OutsideFolder)
}

// TestHostWritesNewFile: a text that an editor of the host's opened before its file was there is shared once it is written.
func TestHostWritesNewFile(t *testing.T) {
	w, host, guest := pair(t, "abc")
	ed := host.connect()
	ed.open("file:///w/new.txt", "")
	ed.adds("new\n")
	w.disk["new.txt"] = "new\n"
	ed.notify(didSave("file:///w/new.txt"))
	far := guest.connect()
	far.fetch(w.uri("new.txt"))
	far.adds("far\n")
	ed.adds("near\n")
	w.want(far.text(), ed, far)
}
