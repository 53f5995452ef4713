//go:build unix

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"earshot/protocol"
)

// stockConfig is a Neovim that has no plugin, only `earshot attach` as a language server. What it shows is kept to be looked at.
const stockConfig = `
said = {}
vim.notify = function(text) said[#said + 1] = text end
local show = vim.lsp.handlers['window/showMessage']
vim.lsp.handlers['window/showMessage'] = function(err, result, ...)
  said[#said + 1] = result.message
  return show(err, result, ...)
end
vim.api.nvim_create_autocmd('BufReadPost', {
  callback = function(event)
    vim.lsp.start({ name = 'earshot', cmd = { vim.env.PROGRAM, 'attach' }, root_dir = vim.fn.getcwd(), flags = { debounce_text_changes = 0 } },
      { bufnr = event.buf })
  end,
})
function choose(title)
  vim.lsp.buf.code_action({ apply = true, filter = function(action) return (action.title or '') == title end })
end
function told(words)
  return vim.iter(said):find(function(text) return text:find(words, 1, true) end)
end
`

// TestStockNeovimHosts: a real editor's own language client, to which Earshot is one more language server, shares by code action, is
// asked who may come in, shows where the guest is, and ends the session.
func TestStockNeovimHosts(t *testing.T) {
	nvim, program := needNeovim(t), needProgram(t)
	_, homes := newHomes(t, "Ana", "Ben")
	ana, ben := homes[0], homes[1]
	t.Cleanup(ana.stopOther)
	t.Cleanup(ben.stopOther)
	write(t, filepath.Join(ana.work(), "notes.md"), "one\ntwo\n")
	n, err := startNeovimWith(stockConfig, nvim, program, ana)
	must(t, err)
	t.Cleanup(n.kill)
	must(t, n.lua0("vim.cmd.edit('notes.md')"))
	must(t, n.await("#vim.lsp.get_clients({ bufnr = 0 }) == 1 and vim.lsp.get_clients()[1].initialized"))
	must(t, n.lua0("choose('Earshot: Share notes.md')"))
	must(t, n.await("told('notes.md is shared: code ')"))
	link, err := n.lua("return told('notes.md is shared'):match('link (%S+)'):gsub('[.]$', ''), nil")
	must(t, err)

	guest := ben.command(program, "join", "-")
	guest.Stdin = strings.NewReader(link)
	heard := newOutput()
	guest.Stdout, guest.Stderr = heard, heard
	must(t, guest.Start())
	t.Cleanup(func() { end(guest) })
	must(t, n.awaitPrompt())
	must(t, n.types("1<CR>")) // the first answer lets edit
	must(t, heard.await("Joined as editor"))
	must(t, n.await("told('Ben came in as editor.')"))

	out, err := ben.command(program, "edit", "notes.md", "--at", "1:1", "Ben: ").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	must(t, n.await("vim.fn.getline(1) == 'Ben: one'"))
	c, err := ben.dial(t.Context())
	must(t, err)
	defer c.Close()
	var list protocol.ListSessionsResult
	must(t, c.Call(t.Context(), "session/list", struct{}{}, &list))
	uri := "earshot://" + list.Sessions[0].ID + "/notes.md"
	var got protocol.TextDocumentContentResult
	must(t, c.Call(t.Context(), "workspace/textDocumentContent", &protocol.TextDocumentContentParams{URI: uri}, &got))
	must(t, c.Notify("textDocument/didOpen", &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{URI: uri, Version: 1, Text: got.Text}}))
	must(t, c.Notify("presence/update", &protocol.PresenceUpdate{TextDocument: &protocol.TextDocumentIdentifier{URI: uri},
		Selections: []protocol.Selection{{Anchor: protocol.Position{Line: 1, Character: 1}, Active: protocol.Position{Line: 1, Character: 1}}}}))
	must(t, n.await("#vim.diagnostic.get(0) == 1 and vim.diagnostic.get(0)[1].message == 'Ben is here' and vim.diagnostic.get(0)[1].lnum == 1"))
	must(t, n.types("Gothree<Esc>"))
	must(t, n.await("vim.fn.getline(3) == 'three'"))
	must(t, catUntil(ben, program, "Ben: one\ntwo\nthree\n"))
	c.Close()
	must(t, n.await("#vim.diagnostic.get(0) == 0"))

	must(t, n.lua0("choose('Earshot: End the session for all')"))
	must(t, n.await("told('The session has ended for all.')"))
	_ = guest.Wait() // it ends with the session
}

// awaitPrompt waits until Neovim asks its person, at which it answers nothing else.
func (n *neovim) awaitPrompt() error {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		mode, err := n.call("nvim_get_mode")
		if err != nil {
			return err
		}
		if pairs, ok := mode.([]any); ok && len(pairs) == 4 && (pairs[1] == true || pairs[3] == true) {
			return nil
		}
	}
	return errors.New("Neovim asks nothing")
}

// catUntil waits until a guest's text is this one.
func catUntil(h home, program, want string) error {
	for end := time.Now().Add(patience); ; {
		out, err := h.command(program, "cat", "notes.md").Output()
		if err == nil && string(out) == want {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("got %q, want %q", out, want)
		}
	}
}
