package daemon

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"earshot/internal/session"
	"earshot/internal/workspace"
	"earshot/protocol"
)

// TestFileOrder: what concerns one file happens and is answered in the order it was asked for, whatever each takes; other
// files don't wait for it.
func TestFileOrder(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n", "b.txt", "two\n")
	synctest.Test(t, func(t *testing.T) {
		d, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		w, err := openWorkspace(sessionFolder(dir))
		if err != nil {
			t.Fatal(err)
		}
		f := &folder{tails: map[docPath]chan struct{}{}}
		d.folders["s"] = f
		d.folderReady(f, w)
		a, _ := w.Rel(filepath.Join(dir, "a.txt"))
		b, _ := w.Rel(filepath.Join(dir, "b.txt"))
		var mu sync.Mutex
		var began []int
		for i, p := range []docPath{a, a, b, a} {
			d.onFile("s", p, nil, func(*workspace.Folder) session.Event {
				mu.Lock()
				began = append(began, i)
				mu.Unlock()
				time.Sleep(time.Duration(4-i) * time.Second) // virtual, in a bubble
				return session.Created{Op: session.OpID(i)}
			})
		}
		var answered []int
		for range 4 {
			m := <-d.inbox
			m.first()
			answered = append(answered, int(m.event.(session.Created).Op))
		}
		if want := []int{2, 0, 1, 3}; !slices.Equal(answered, want) || began[len(began)-1] != 3 {
			t.Errorf("begun as %v, answered as %v, want %v", began, answered, want)
		}
		if len(f.tails) != 0 {
			t.Errorf("%d files are remembered with nothing under way", len(f.tails))
		}
		close(d.over)
		d.closeFolders()
	})
}

// TestStuckDisk: a disk that hangs holds up the end of the daemon only so long.
func TestStuckDisk(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	inBubble(t, func(t *testing.T, b *bubble) {
		host, guest := b.desk("Ana"), b.desk("Ben")
		s := host.share(dir)
		guest.join(s.Link)
		far := "earshot://" + s.ID + "/a.txt"
		guest.open(far)
		guest.typed(far, 0, 0, "never saved ")
		host.awaitEvent("changed")
		for range maxDisk {
			host.daemon.disk <- struct{}{}
		}
		began := time.Now()
		host.stop()
		if took := time.Since(began); took < endTime || took > 2*endTime {
			t.Errorf("ended after %v, want %v", took, endTime)
		}
	})
}

// TestClosedFolder: what comes after the end of a session is answered all the same.
func TestClosedFolder(t *testing.T) {
	dir := folderOf(t, "a.txt", "one\n")
	synctest.Test(t, func(t *testing.T) {
		d, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		d.useDisk(session.OpenFolder{Op: 1, Session: "s", Folder: dir})
		f := d.folders["s"]
		d.useDisk(session.CloseFolder{Session: "s"}) // before it is open
		opened := <-d.inbox
		opened.first()
		d.work.Wait()
		if _, err := f.List(docPath{}, workspace.Query{}); err == nil {
			t.Error("the folder is still open")
		}
		for i, f := range []session.Effect{session.LoadFile{Op: 2, Session: "s"}, session.SaveFile{Op: 2, Session: "s"},
			session.ListFolder{Op: 2, Session: "s"}, session.CreateEntry{Op: 2, Session: "s"},
			session.RenameEntry{Op: 2, Session: "s"}, session.DeleteEntry{Op: 2, Session: "s"}, session.Locate{Op: 2, Session: "s"}} {
			d.useDisk(f)
			if err := errorOf((<-d.inbox).event); protocol.KindOf(err) != protocol.Ended && i < 6 {
				t.Errorf("%T: got %v, want ended", f, err)
			}
		}
		close(d.over)
		d.closeFolders()
	})
}

func errorOf(ev session.Event) *protocol.Error {
	switch ev := ev.(type) {
	case session.Loaded:
		return ev.Err
	case session.Saved:
		return ev.Err
	case session.Listed:
		return ev.Err
	case session.Created:
		return ev.Err
	case session.Renamed:
		return ev.Err
	case session.Deleted:
		return ev.Err
	}
	return nil
}
