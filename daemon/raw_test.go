package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"

	"earshot/internal/crdt"
	"earshot/internal/peer"
	"earshot/internal/text"
	"earshot/protocol"
	"earshot/protocol/wire"
)

// hears waits for the next frame of a kind; others are passed over. Nil if the link ends first.
func hears[F wire.Frame](s *stranger) F {
	s.t.Helper()
	var none F
	for e := range s.events {
		switch e := e.(type) {
		case peer.Frame:
			f, err := wire.Decode(e.Data)
			if got, ok := f.(F); ok && err == nil {
				return got
			}
		case peer.Down:
			return none
		}
	}
	return none
}

// hearsBoth waits for the next frame of each of two kinds, which come by two channels and so in either order.
func hearsBoth[F, G wire.Frame](s *stranger) (f F, g G) {
	s.t.Helper()
	var hasF, hasG bool
	for e := range s.events {
		switch e := e.(type) {
		case peer.Frame:
			got, err := wire.Decode(e.Data)
			if err != nil {
				continue
			}
			if x, ok := got.(F); ok && !hasF {
				f, hasF = x, true
			}
			if x, ok := got.(G); ok && !hasG {
				g, hasG = x, true
			}
			if hasF && hasG {
				return f, g
			}
		case peer.Down:
			return f, g
		}
	}
	return f, g
}

func (s *stranger) sends(f wire.Frame) { s.says(wire.Encode(f)) }

// TestA1RawClient: a raw client that has come in by the front door, over a real link, as a viewer and as an editor. What a viewer may
// not do is answered with a word and leaves the host's disk and text as they are; what nobody may do is answered likewise, and what only
// a host may say shows it the door. internal/session has every frame in every standing.
func TestA1RawClient(t *testing.T) {
	for _, role := range []protocol.Role{protocol.RoleViewer, protocol.RoleEditor} {
		t.Run(string(role), func(t *testing.T) {
			dir := folderOf(t, "a.txt", "one\n", ".env", "SECRET=1\n")
			inBubble(t, func(t *testing.T, b *bubble) {
				host := b.desk("Ana")
				shared := host.share(dir, func(p *protocol.ShareParams) { p.Role = role })
				host.open("earshot://" + shared.ID + "/a.txt")
				s := meet(t, b.net, shared.Link)
				s.isAdmitted()
				s.connects()
				s.binds()
				if w := hears[*wire.Welcome](s); w == nil || w.Role != string(role) {
					t.Fatalf("got the welcome %+v", w)
				}
				refused := func(f *wire.Failure, want protocol.Kind) {
					t.Helper()
					if f == nil && want == "" {
						return
					}
					if f == nil || f.Kind != string(want) || f.Message == "" {
						t.Errorf("got %+v, want %q", f, want)
					}
				}
				forViewers := protocol.ReadOnly
				if role == protocol.RoleEditor {
					forViewers = ""
				}
				s.sends(&wire.Open{Op: 1, Path: "a.txt"})
				opened, chunk := hearsBoth[*wire.Opened, *wire.Chunk](s)
				if opened == nil || chunk == nil {
					t.Fatalf("got %+v and %+v for a text", opened, chunk)
				}
				doc, err := crdt.Load(chunk.Data)
				if err != nil {
					t.Fatal(err)
				}
				for _, one := range []struct {
					path string
					want protocol.Kind
				}{{"../a.txt", protocol.OutsideFolder}, {"/etc/passwd", protocol.OutsideFolder}, {".env", protocol.Excluded}, {"none", protocol.NoSuchDocument}} {
					s.sends(&wire.Open{Op: 2, Path: one.path})
					refused(hears[*wire.Opened](s).Failure, one.want)
				}
				s.sends(&wire.List{Op: 3, Path: ".."})
				refused(hears[*wire.Listed](s).Failure, protocol.OutsideFolder)
				s.sends(&wire.Save{Op: 4, Doc: opened.Doc})
				refused(hears[*wire.Saved](s).Failure, forViewers)
				s.sends(&wire.Create{Op: 5, Path: "made.txt"})
				refused(hears[*wire.Saved](s).Failure, forViewers)
				s.sends(&wire.Create{Op: 6, Path: ".git/hooks/post-commit"})
				if f := hears[*wire.Saved](s).Failure; f == nil {
					t.Error("a hook was made")
				}
				s.sends(&wire.Resync{Doc: opened.Doc, Turn: 1, Summary: doc.Summary()})
				hears[*wire.Resync](s)
				before := doc.Head()
				if _, _, err := doc.Edit(77, before, text.Patch{{Pos: 0, Ins: "EVIL"}}); err != nil {
					t.Fatal(err)
				}
				made := doc.Since(before)
				s.sends(&wire.Events{Doc: opened.Doc, CatchUp: true, Sum: wire.SumOf(1, made), Data: made})
				want, files := "one\n", []string{".env", "a.txt"}
				if role == protocol.RoleViewer {
					if r := hears[*wire.Reset](s); r == nil || r.Reason == "" {
						t.Errorf("got %+v for an edit", r)
					}
				} else {
					want, files = "EVILone\n", append(files, "made.txt")
					hears[*wire.Ack](s)
				}
				host.shows("earshot://"+shared.ID+"/a.txt", want)
				s.sends(&wire.Members{Members: []wire.Member{{ID: shared.Me, Role: "viewer"}}})
				if bye := hears[*wire.Bye](s); bye == nil || bye.Reason == "" {
					t.Errorf("got the goodbye %+v", bye)
				}
				hears[*wire.Hello](s) // until the link is down
				s.guest.Close()
				<-s.link.Done()
				host.here(1)
				checkFile(t, filepath.Join(dir, "a.txt"), "one\n")
				entries, err := os.ReadDir(dir)
				var names []string
				for _, e := range entries {
					names = append(names, e.Name())
				}
				if slices.Sort(names); err != nil || !slices.Equal(names, files) {
					t.Errorf("the folder holds %v, want %v", names, files)
				}
			})
		})
	}
}

// TestClip: a program's name is cut between two letters, for half of one would be refused as no text.
func TestClip(t *testing.T) {
	for s, want := range map[string]string{"Neovim": "Neovim", "1234567890123456789012345678901é": "1234567890123456789012345678901",
		"123456789012345678901234567890é!": "123456789012345678901234567890é"} {
		if got := clip(s); got != want || !utf8.ValidString(got) {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}
