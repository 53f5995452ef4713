package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestStockClients lets two programs on VS Code's own JSON-RPC library, which know nothing of Earshot, edit one text: the
// host's by its file's URI, the guest's by the session's. Both type at the same time, and both end with the same text. Another one
// hosts a whole session by LSP alone.
func TestStockClients(t *testing.T) {
	if _, err := os.Stat("testdata/node/node_modules/vscode-jsonrpc"); err != nil {
		t.Skip("vscode-jsonrpc is not installed: `make tools` does it, and `make test` before the tests")
	}
	client, err := filepath.Abs("testdata/node/client.js")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/stock",
		Setup: func(env *testscript.Env) error {
			env.Setenv("CLIENT", client)
			env.Setenv("HOST", filepath.Join(filepath.Dir(client), "host.js"))
			return setUp(env)
		},
		Cmds: commands(),
	})
}
